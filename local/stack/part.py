"""One part of the stack: a process that is started, becomes ready, and is stopped."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from local.errors import StackError

LOG_LINES = 20
LOG_END = 256 * 1024


def nothing_more() -> None:
    """A part that is usable as soon as it answers."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """What is run.

    Attributes:
        name: short, as in `keepwarm logs NAME`.
        title: for people.
        needs: names of the parts that must be ready before this one is started.
        port: it listens on, on loopback; 0 for none.
        probe: whether it is ready.
        prepare: done once when it is, before those that need it are started.
        ready_s, stop_s: seconds that it gets for each.
    """

    name: str
    title: str
    command: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    port: int = 0
    probe: Callable[[], bool]
    prepare: Callable[[], None] = nothing_more
    ready_s: float = 60.0
    stop_s: float = 10.0


class RunningPart:
    """A part's process, in a session of its own: Ctrl-C at the terminal does not reach it.

    Attributes:
        started: Unix seconds.

    Raises:
        StackError: it cannot be started at all.
    """

    def __init__(self, part: Part, log: Path) -> None:
        self.part = part
        self.log = log
        self.started = time.time()
        try:
            self._process = self._spawned()
        except OSError as error:
            reason = f"{error.strerror or error}: {error.filename or log}"
            raise StackError(f"{part.title} cannot be started: {reason}") from error

    def _spawned(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as output:
            return subprocess.Popen(
                self.part.command,
                env={**os.environ, **self.part.env},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Of the process, and of its group."""
        return self._process.pid

    def ready(self) -> bool:
        """Whether it can be used.

        Raises:
            StackError: it has ended.
        """
        self.check()
        return self.part.probe()

    def check(self) -> None:
        """Raise when it has ended.

        Raises:
            StackError: with how it ended and the end of its log.
        """
        code = self._process.poll()
        if code is None:
            return
        how = f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        raise StackError(f"{self.part.title} ended ({how}){last_words(self.log)}")

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def ask_to_stop(self) -> None:
        """Send SIGTERM; `wait_stopped` sees it through."""
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()

    def wait_stopped(self) -> bool:
        """Wait for its end, then kill what is left of its group; False if it had to be killed."""
        deadline = time.monotonic() + self.part.stop_s
        willing = True
        try:
            self._process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            willing = False
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        return willing


def last_words(log: Path) -> str:
    """Why a part ended, ready to be put behind a sentence: the last error that it logged as one.

    Without such a line, the end of its log.
    """
    lines = _last_lines(log)
    errors = [message for message in map(_error_message, lines) if message]
    if errors:
        return f": {errors[-1]}"
    if not lines:
        return "; its log is empty"
    return "; the end of its log:\n  " + "\n  ".join(lines[-LOG_LINES:])


def _last_lines(log: Path) -> list[str]:
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - LOG_END))
            text = file.read().decode(errors="replace")
    except OSError:
        return []
    return [line for line in text.splitlines() if line.strip()]


def _error_message(line: str) -> str:
    """The message of a line of JSON of level error; empty for any other line."""
    try:
        entry = json.loads(line) if line.startswith("{") else None
    except ValueError:
        return ""
    if not isinstance(entry, dict) or str(entry.get("level", "")).lower() != "error":
        return ""
    kind, message = str(entry.get("error_type", "")), str(entry.get("message", ""))
    return message.removesuffix(kind).strip()
