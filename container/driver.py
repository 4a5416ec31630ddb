"""What this host says of its NVIDIA driver, asked without torch and without a CUDA context.

    the kernel's module      /proc/driver/nvidia/version, else nvidia-smi     "580.95.05"
    the library beside it    libcuda.so.1, put into the container by its runtime
    a newer library          NVIDIA's CUDA compatibility package: libcuda.so.1 of a later driver

Whoever asks decides what is enough.
"""

from __future__ import annotations

import ctypes
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

Version = tuple[int, int]

MODULE_VERSION = Path("/proc/driver/nvidia/version")
DEVICE = Path("/dev/nvidiactl")
ASK_VERSION = ("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader")
LIBRARY = "libcuda.so.1"
TIME_LIMIT_S = 30.0
# The newest CUDA that a branch of drivers was made with, from NVIDIA's release notes.
CUDA_OF_BRANCH: dict[int, Version] = {
    450: (11, 0),
    460: (11, 2),
    470: (11, 4),
    495: (11, 5),
    510: (11, 6),
    515: (11, 7),
    520: (11, 8),
    525: (12, 0),
    530: (12, 1),
    535: (12, 2),
    545: (12, 3),
    550: (12, 4),
    555: (12, 5),
    560: (12, 6),
    565: (12, 7),
    570: (12, 8),
    575: (12, 9),
    580: (13, 0),
    590: (13, 1),
    595: (13, 2),
}


@dataclass(frozen=True)
class Driver:
    """The driver as this process sees it.

    Attributes:
        module: version of the kernel's module; None where there is none, or nothing tells.
        has_device: a GPU's control device is there.
        library_cuda: newest CUDA of the driver's library; None where it cannot be loaded.
    """

    module: str | None
    has_device: bool
    library_cuda: Version | None

    @property
    def is_there(self) -> bool:
        """Whether anything at all of a GPU is to be seen here."""
        return self.module is not None or self.has_device or self.library_cuda is not None

    @property
    def branch(self) -> int | None:
        """The first part of the module's version."""
        return None if self.module is None else int(self.module.split(".")[0])

    @property
    def module_cuda(self) -> Version | None:
        """The newest CUDA of the module's branch; None for a branch newer than the table."""
        if self.branch is None or self.branch > max(CUDA_OF_BRANCH):
            return None
        older = [branch for branch in CUDA_OF_BRANCH if branch <= self.branch]
        return CUDA_OF_BRANCH[max(older, default=min(CUDA_OF_BRANCH))]


def find_driver(
    version_file: Path = MODULE_VERSION,
    device: Path = DEVICE,
    ask: tuple[str, ...] = ASK_VERSION,
    library: str = LIBRARY,
) -> Driver:
    """The driver of this host. Files, command and library are those of Linux and NVIDIA."""
    return Driver(
        module=_version_in_file(version_file) or _version_by_command(ask),
        has_device=device.exists(),
        library_cuda=library_cuda(library),
    )


def library_cuda(name: str = LIBRARY) -> Version | None:
    """The newest CUDA of the driver's library; None when there is none to ask."""
    try:
        ask = ctypes.CDLL(name).cuDriverGetVersion
    except (OSError, AttributeError):
        return None
    number = ctypes.c_int()
    if ask(ctypes.byref(number)) != 0 or number.value <= 0:
        return None
    return number.value // 1000, number.value % 1000 // 10


def initialise(name: str = LIBRARY) -> int | None:
    """What cuInit answers, 0 for success; None when it gave no answer in time.

    In a process of its own: a process that has initialised CUDA cannot use it after a fork.
    """
    program = f"import ctypes; print(ctypes.CDLL({name!r}).cuInit(0))"
    answer = _output((sys.executable, "-S", "-c", program))
    return int(answer) if re.fullmatch(r"\d+", answer) else None


def _version_in_file(path: Path) -> str | None:
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    found = re.search(r"Kernel Module.*?\s(\d{3,}(?:\.\d+)+)(?:\s|$)", text)
    return None if found is None else found[1]


def _version_by_command(command: tuple[str, ...]) -> str | None:
    lines = _output(command).splitlines()  # one a GPU, all the same
    found = re.fullmatch(r"\d{3,}(\.\d+)+", lines[0].strip()) if lines else None
    return None if found is None else found[0]


def _output(command: tuple[str, ...]) -> str:
    """What the command printed; nothing if it failed or took too long."""
    try:
        ran = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=TIME_LIMIT_S
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return ran.stdout.strip() if ran.returncode == 0 else ""
