"""`python -m benchmarks`: make the environments that the peers need, then measure chat.

Takes the arguments of `python -m benchmarks.chat`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from rich.console import Console

from benchmarks import chat
from benchmarks.environments import install_for


def main(arguments: Sequence[str] | None = None) -> int:
    """Prepare, then measure; a peer whose environment failed is reported as not run."""
    options = chat.parser().parse_args(arguments)
    if not options.url:
        install_for([name.strip() for name in options.peers.split(",")], Console())
    return chat.main(arguments)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
