"""Which redis-server there is: the machine's own, else the one that `make emulators` installs."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from infrastructure.definitions import definitions
from local.errors import StackError


def redis_command() -> str:
    """Path of the program.

    Raises:
        StackError: there is none; the message says how to get one.
    """
    beside = Path(sys.prefix) / "emulators" / "bin" / "redis-server"
    found = shutil.which("redis-server") or (str(beside) if beside.is_file() else None)
    if found is None:
        raise StackError(
            "there is no redis-server on this machine: apt-get install redis-server (macOS: brew "
            "install redis); or, on Linux with Python 3.11 or 3.12, make emulators installs one"
        )
    return found


def redis_arguments(port: int, folder: Path, *, keep: bool) -> tuple[str, ...]:
    """Loopback alone; on disk only where the data shall outlive the process."""
    kept = ("--appendonly", "yes") if keep else ("--appendonly", "no")
    return (
        *("--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)),
        *("--save", "", *kept, "--daemonize", "no"),
        *cloud_parameters(),
    )


def cloud_parameters() -> tuple[str, ...]:
    """What the cloud's parameter group says, as far as it is not about a cloud's machine."""
    parameters = sorted(definitions().redis.items())
    return tuple(word for name, value in parameters for word in (f"--{name}", value))
