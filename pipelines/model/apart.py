"""Runs what may never end, or take all memory, in a process of its own.

A chat template is a program that came with the weights. No signal interrupts a power of huge
numbers, and no limit inside this process is sure, so it is rendered in a forked child: that has
little memory, and is killed when its time is over.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import select
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

MEMORY = 1 << 30  # bytes beyond what the process has already
CHUNK = 1 << 16


class TooSlow(Exception):
    """The work did not come to an end in time."""


class TooLarge(Exception):
    """The work wanted too much memory, or broke the process."""


def apart(work: Callable[[], Any], seconds: float) -> Any:
    """What `work` returns, which must be JSON; exceptions of its own are for it to catch.

    Raises:
        TooSlow: it takes longer than `seconds`.
        TooLarge: it takes more than `MEMORY`, or ended without an answer.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _run(work, writing)
    os.close(writing)
    try:
        answer = _read(reading, seconds)
    finally:
        os.close(reading)
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    if not answer:
        raise TooLarge
    return json.loads(answer)


def _run(work: Callable[[], Any], writing: int) -> None:
    """The child's whole life; it never returns into the parent's code."""
    try:
        _limit_memory()
        answer = json.dumps(work()).encode()
        while answer:
            answer = answer[os.write(writing, answer) :]
    except BaseException:  # told by the missing answer; a traceback would be of no use
        os._exit(1)
    os._exit(0)


def _limit_memory() -> None:
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
    except OSError:  # a system without /proc, whose limits are of another kind
        return
    limit = pages * resource.getpagesize() + MEMORY
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))


def _read(reading: int, seconds: float) -> bytes:
    """All that the child writes until it closes the pipe."""
    end = time.monotonic() + seconds
    answer = b""
    while True:
        ready, _, _ = select.select([reading], [], [], max(0.0, end - time.monotonic()))
        if not ready:
            raise TooSlow
        part = os.read(reading, CHUNK)
        if not part:
            return answer
        answer += part
