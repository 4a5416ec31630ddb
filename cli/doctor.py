"""`keepwarm doctor`: what is missing on this machine, and the command that mends it."""

from __future__ import annotations

import argparse
import errno
import os
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from cli.default_model import DISK_NEEDED, SOURCE, cache_folder, default_model_folder
from cli.errors import CliError
from cli.extras import NEEDED
from cli.model_cache import is_whole
from cli.model_folder import check_model_folder

LACKING = 1
OLDEST = (3, 11)
WEB = Path(__file__).parents[1] / "web"
TOOLS_OF_IMAGE = ("buildah", "debootstrap", "runc")


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        fine: whether it is as it should be.
        says: one sentence; what mends it where it is not fine.
        needed: whether `keepwarm up` fails without it.
    """

    what: str
    fine: bool
    says: str
    needed: bool = True

    @property
    def line(self) -> str:
        """As it is printed."""
        mark = "ok" if self.fine else "MISSING" if self.needed else "without"
        return f"{mark:<8}{self.what:<14}{self.says}"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `doctor` takes."""
    parser.add_argument("--model", metavar="FOLDER", help="look at this model (default: ours)")


def doctor(args: argparse.Namespace) -> int:
    """Print what was found; 0 when `keepwarm up` would work."""
    found = list(findings(args.model))
    for one in found:
        print(one.line)
    lacking = [one.what for one in found if one.needed and not one.fine]
    if lacking:
        print(f"keepwarm up would not work yet: {', '.join(lacking)}")
    return LACKING if lacking else 0


def findings(model: str | None = None) -> Iterator[Finding]:
    """Look at one thing after the other; none of them is changed."""
    yield _python()
    yield _packages()
    yield _found("redis", _redis)
    yield _found("ministack", _ministack)
    yield _home()
    yield _model(model)
    if find_spec("psutil") is not None:
        yield _found("memory", lambda: _memory(model))
    yield _loopback()
    yield _compiler()
    yield _page()
    yield _program("chromium", ("chromium", "chromium-browser", "google-chrome"), "page's tests")
    yield _image()


def _python() -> Finding:
    fine = sys.version_info >= OLDEST
    mend = "" if fine else " is too old: install Python 3.11 or newer, then: make clean setup"
    return Finding("python", fine, f"{sys.version.split()[0]} in {sys.prefix}{mend}")


def _packages() -> Finding:
    missing = [name for name in ("flask", "torch", "transformers", *NEEDED) if not find_spec(name)]
    if missing:
        return Finding("packages", False, f"{', '.join(missing)} not installed; run: make setup")
    return Finding("packages", True, "engine and local stack are installed")


def _redis() -> str:
    from local.stack.redis_command import redis_command

    return redis_command()


def _ministack() -> str:
    from local.ministack import ministack_command

    return ministack_command()


def _found(what: str, look: Callable[[], str]) -> Finding:
    """What `look` says, or the sentence with which it refuses."""
    from local.errors import StackError

    try:
        return Finding(what, True, look())
    except (CliError, StackError, ModuleNotFoundError) as error:
        return Finding(what, False, _with_mend(error))
    except Exception as error:
        # EmulatorMissing: its module needs boto3, which may be what is missing.
        if type(error).__name__ != "EmulatorMissing":
            raise
        return Finding(what, False, str(error))


def _with_mend(error: Exception) -> str:
    if isinstance(error, ModuleNotFoundError):
        return f"cannot be looked for without the Python package {error.name}; run: make setup"
    return str(error)


def _home() -> Finding:
    try:
        folder = _nearest(cache_folder())
    except CliError as error:
        return Finding("home", False, str(error))
    if not os.access(folder, os.W_OK | os.X_OK):
        return Finding("home", False, f"{folder} cannot be written; set KEEPWARM_HOME to another")
    free = shutil.disk_usage(folder).free
    needed = 0 if is_whole(default_model_folder(), SOURCE) else DISK_NEEDED
    needed = max(needed, 256 * 1024**2)
    room = f"{folder} has {free / 1e9:.1f} GB of disk free"
    if free < needed:
        mend = "free some, or set KEEPWARM_HOME to another folder"
        return Finding("home", False, f"{room} and {needed / 1e9:.1f} GB are needed: {mend}")
    return Finding("home", True, room)


def _nearest(folder: Path) -> Path:
    """The folder, or the one above it in which it would be made."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder


def _model(model: str | None) -> Finding:
    if model is not None:
        return _found("model", lambda: f"{check_model_folder(Path(model))} can be served")
    folder = default_model_folder()
    if is_whole(folder, SOURCE):
        return Finding("model", True, str(folder))
    mend = "is made at the first start, with a network; or now: keepwarm model fetch"
    return Finding("model", False, f"{folder} {mend}", needed=False)


def _memory(model: str | None) -> str:
    import psutil

    from local.stack.room import check_memory

    check_memory(default_model_folder() if model is None else Path(model), copies=1)
    return f"{psutil.virtual_memory().available / 1024**3:.1f} GiB are free"


def _loopback() -> Finding:
    """Whether ports can be had on 127.0.0.1, where all parts listen."""
    try:
        socket.create_server(("127.0.0.1", 0)).close()
    except OSError as error:
        full = error.errno in (errno.EADDRINUSE, errno.EMFILE)
        mend = (
            "end other programs" if full else "bring the loopback interface up: ip link set lo up"
        )
        return Finding(
            "ports", False, f"nothing can listen on 127.0.0.1 ({error.strerror}); {mend}"
        )
    return Finding("ports", True, "127.0.0.1 has free ones")


def _compiler() -> Finding:
    for name in (os.environ.get("CXX", ""), "g++", "c++", "clang++"):
        if name and (found := shutil.which(name)):
            return Finding("compiler", True, found, needed=False)
    mend = "no g++: the CPU kernels run slower; apt-get install g++ (macOS: xcode-select --install)"
    return Finding("compiler", False, mend, needed=False)


def _page() -> Finding:
    if (WEB / "dist" / "index.html").is_file():
        return Finding("page", True, str(WEB / "dist"), needed=False)
    return Finding("page", False, "not built, the API works without it; run: make web", False)


def _program(what: str, names: tuple[str, ...], for_what: str) -> Finding:
    found = next(filter(None, map(shutil.which, names)), None)
    mend = f"not needed but for the {for_what}; apt-get install {names[0]}"
    return Finding(what, found is not None, found or mend, needed=False)


def _image() -> Finding:
    missing = [name for name in TOOLS_OF_IMAGE if shutil.which(name) is None]
    if missing:
        tools = " ".join(missing)
        mend = f"not needed but to build the image; apt-get install {tools}"
        return Finding("image", False, mend, needed=False)
    return Finding("image", True, "its tools are there", needed=False)
