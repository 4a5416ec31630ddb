"""Whether the machine has room for a stack, before anything is started."""

from __future__ import annotations

import shutil
from pathlib import Path

import psutil

from local.errors import StackError
from local.stack.parts import loads_model
from local.stack.settings import StackSettings

DISK_NEEDED = 256 * 1024**2  # bytes: logs, telemetry, what the stores keep
GIB = 1024**3


def check_room(settings: StackSettings) -> None:
    """Raise where it would fail for certain; what fits is the engine's to find out.

    Raises:
        StackError: too little disk, or less memory than the weights alone take.
    """
    check_disk(settings.folder)
    if loads_model(settings.only):
        check_memory(settings.model, copies=2 if settings.with_fleet else 1)


def check_disk(folder: Path) -> None:
    """Raises StackError."""
    free = shutil.disk_usage(folder).free
    if free < DISK_NEEDED:
        raise StackError(
            f"{folder} has {free / 1024**2:.0f} MiB of disk left and the stack needs "
            f"{DISK_NEEDED / 1024**2:.0f}: free some, or set KEEPWARM_HOME to another folder"
        )


def check_memory(model: Path, copies: int) -> None:
    """Raises StackError."""
    weights = sum(file.stat().st_size for file in model.glob("*.safetensors"))
    available = psutil.virtual_memory().available
    if weights * copies > available:
        taken = f"{copies} x {weights / GIB:.1f}" if copies > 1 else f"{weights / GIB:.1f}"
        fewer = "leave --fleet away, " if copies > 1 else ""
        raise StackError(
            f"the weights of {model.name} take {taken} GiB and this machine has "
            f"{available / GIB:.1f} GiB of memory free: {fewer}end other programs, or choose a "
            "smaller model"
        )
