"""Ends what a supervisor left that was killed itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import psutil

from local.stack.state import process_of, read_state

GRACE_S = 5.0


def end_orphans(folder: Path) -> list[str]:
    """End the parts of the last stack that still run; their names. Call it with the lock held."""
    state = read_state(folder) or {}
    parts = state.get("parts")
    left: dict[str, psutil.Process] = {}
    for part in parts if isinstance(parts, list) else []:
        process = process_of(part)
        if process is not None and isinstance(part, Mapping):
            left[str(part.get("name"))] = process
    family = [one for process in left.values() for one in _family(process)]
    for process in family:
        _quietly(process.terminate)
    _, stubborn = psutil.wait_procs(family, timeout=GRACE_S)
    for process in stubborn:
        _quietly(process.kill)
    return sorted(left)


def _family(process: psutil.Process) -> list[psutil.Process]:
    try:
        return [process, *process.children(recursive=True)]
    except psutil.Error:
        return [process]


def _quietly(act: Callable[[], None]) -> None:
    """It may have ended by itself meanwhile."""
    try:
        act()
    except psutil.NoSuchProcess:
        return
