"""Runs a helper program to its end while somebody watches its log."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

TICK_S = 0.2


@dataclass(frozen=True)
class Finished:
    """How a helper ended, and all that it wrote."""

    exit_code: int
    log: str


def run_watched(
    command: Sequence[str],
    *,
    env: Mapping[str, str],
    on_tick: Callable[[str], None] = lambda log: None,
) -> Finished:
    """Run `command`; `on_tick` gets its log so far, five times a second.

    The program is killed when waiting for it is interrupted.
    """
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            command, env=dict(env), stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            while not _ended(process):
                on_tick(read_log(log.fileno()))
        finally:
            process.kill()
            process.wait()
        return Finished(process.returncode, read_log(log.fileno()))


def read_log(fd: int) -> str:
    """All of an open log, without moving the position that its writer shares."""
    return os.pread(fd, os.fstat(fd).st_size, 0).decode(errors="replace")


def tail(text: str, lines: int) -> str:
    """The last lines of a log, without the empty ones."""
    return "\n".join([line for line in text.splitlines() if line.strip()][-lines:])


def _ended(process: subprocess.Popen[bytes]) -> bool:
    try:
        process.wait(TICK_S)
    except subprocess.TimeoutExpired:
        return False
    return True
