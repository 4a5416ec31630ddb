"""`python -m benchmarks`: make the environments that the peers need, then measure every scenario.

Takes the arguments of `python -m benchmarks.chat`, with all scenarios and nineteen minutes for all
of them unless told otherwise. A budget of 0 is none.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from rich.console import Console

from benchmarks import chat, gguf_files
from benchmarks.environments import COMPILED, install_for
from cli.errors import CliError

_DEFAULTS = ("--scenarios", "all", "--budget", "1140")


def main(arguments: Sequence[str] | None = None) -> int:
    """Prepare, then measure; a peer whose environment failed is reported as not run."""
    given = [*_DEFAULTS, *(sys.argv[1:] if arguments is None else arguments)]
    options = chat.parser().parse_args(given)
    if not options.url:
        names = [name.strip() for name in options.peers.split(",")]
        install_for([name for name in names if name.partition("-")[0] not in COMPILED], Console())
        _make_ggufs(options.peers)
    return chat.main(given)


def _make_ggufs(peers: str) -> None:
    """A peer whose file cannot be made says so itself when its turn comes."""
    if any(name in peers for name in ("openvino", "llama")):
        try:
            gguf_files.make_all()
        except (CliError, OSError) as error:
            Console().print(f"GGUF files: {error}", style="red", markup=False)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
