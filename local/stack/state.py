"""What other commands know of a running stack: one file, written by the supervisor alone.

One stack at a time has a folder: a lock says so, and the kernel gives it up when its owner ends.
A process is named by its id and the time of its start: an id alone may be another program's by now.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from local.errors import StackError

FILE, LOCK = "state.json", "lock"
SAME_START_S = 5.0


class State:
    """The file, and what stands in it."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / FILE
        self._owner = {"pid": os.getpid(), "started": psutil.Process().create_time()}
        self._content: dict[str, Any] = {}

    def show(self, url: str, parts: list[dict[str, Any]]) -> None:
        """Write what is true now; nothing where it is so already.

        A disk that is full for a while leaves the old content, and is no reason to stop.
        """
        content = {**self._owner, "url": url, "parts": parts}
        if content == self._content:
            return
        half = self._file.with_suffix(".new")
        with contextlib.suppress(OSError):
            half.write_text(json.dumps(content, indent=2), encoding="utf-8")
            half.replace(self._file)
            self._content = content

    def remove(self) -> None:
        """Nothing runs any more."""
        remove_state(self._file.parent)


def remove_state(folder: Path) -> None:
    """Forget what a supervisor wrote; no disk and no rights are its next owner's trouble."""
    with contextlib.suppress(OSError):
        (folder / FILE).unlink(missing_ok=True)


def read_state(folder: Path) -> Mapping[str, Any] | None:
    """What the last supervisor wrote; None where there is nothing, or nothing to be read."""
    try:
        content = json.loads((folder / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Hold the folder's lock while the block runs.

    Raises:
        StackError: a stack runs there already, or the folder cannot be written.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = (folder / LOCK).open("a")
    except OSError as error:
        reason = error.strerror or error
        raise StackError(f"{folder} cannot be written ({reason}); set KEEPWARM_HOME") from error
    with lock:
        if not _locked(lock.fileno()):
            raise StackError(f"a stack runs already{_where(folder)}; keepwarm down stops it")
        yield


def is_running(folder: Path) -> bool:
    """Whether a supervisor holds the folder's lock."""
    try:
        with (folder / LOCK).open("r+") as lock:
            return not _locked(lock.fileno())
    except OSError:
        return False


def process_of(entry: object) -> psutil.Process | None:
    """The process that `{"pid": ..., "started": ...}` names, if it is there and no other one."""
    if not isinstance(entry, Mapping):
        return None
    pid, started = entry.get("pid"), entry.get("started")
    if not isinstance(pid, int) or not isinstance(started, int | float):
        return None
    try:
        process = psutil.Process(pid)
        same = abs(process.create_time() - started) < SAME_START_S
    except (psutil.Error, ValueError, OverflowError):
        return None
    return process if same else None


def wait_until_gone(folder: Path, within_s: float) -> bool:
    """Wait for the supervisor's end; False if it is still there."""
    deadline = time.monotonic() + within_s
    while is_running(folder):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _where(folder: Path) -> str:
    url = (read_state(folder) or {}).get("url")
    return f" at {url}" if url else ""
