"""Where the numbers were taken: processor, memory, load, versions, revision."""

from __future__ import annotations

import os
import platform
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from benchmarks.cpu_use import busy_cores

REPOSITORY = Path(__file__).resolve().parents[1]
_PACKAGES = ("keepwarm", "torch", "transformers", "httpx2")
_GIT_TIMEOUT_S = 10.0


@dataclass(frozen=True, kw_only=True)
class Machine:
    """The machine at the time of a run; two runs are comparable only when these agree.

    Attributes:
        cores: that this process may use, not those that are built in.
        busy_cores_before: cores that others kept busy in the second before the first peer started.
        revision: git commit, with `+changes` when the tree differs; None outside a repository.
    """

    measured_at: str
    cpu: str
    cores: int
    memory_gib: float | None
    system: str
    python: str
    packages: dict[str, str]
    busy_cores_before: float
    revision: str | None


def describe_machine() -> Machine:
    """The machine as it is now; takes a second, in which it watches how busy others are."""
    return Machine(
        measured_at=datetime.now(UTC).isoformat(timespec="seconds"),
        cpu=field_of_file(Path("/proc/cpuinfo"), "model name")
        or platform.processor()
        or platform.machine(),
        cores=usable_cores(),
        memory_gib=_memory_gib(),
        system=platform.platform(),
        python=platform.python_version(),
        packages={name: package_version(name) for name in _PACKAGES},
        busy_cores_before=round(busy_cores(), 2),
        revision=_revision(),
    )


def usable_cores() -> int:
    """Cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def package_version(name: str) -> str:
    """Installed version of a distribution of this environment, or `not installed`."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"


def field_of_file(path: Path, name: str) -> str | None:
    """Value of the first `name : value` line of a file under /proc; None where there is none."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    found = (line.partition(":")[2].strip() for line in lines if line.startswith(name))
    return next(found, None)


def _memory_gib() -> float | None:
    text = field_of_file(Path("/proc/meminfo"), "MemTotal")
    return round(int(text.split()[0]) / 2**20, 1) if text else None


def _revision() -> str | None:
    commit = _git("rev-parse", "--short=12", "HEAD")
    if not commit:
        return None
    return commit + ("+changes" if _git("status", "--porcelain") else "")


def _git(*arguments: str) -> str | None:
    """Output of a git command in the repository; None without git, repository or commit."""
    command = ["git", "-C", str(REPOSITORY), *arguments]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_GIT_TIMEOUT_S, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
