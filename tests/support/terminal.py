"""A program at a pseudo-terminal, with somebody who reads and types."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import subprocess
import termios
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

SILENCE_S = 60.0
PRESSES, PATIENCE_S = 5, 5.0


class Terminal:
    """Runs a command at a terminal of its own, which Ctrl-C can be typed at."""

    def __init__(self, command: Sequence[str], env: Mapping[str, str]) -> None:
        self._master, slave = pty.openpty()
        self._unread = ""
        self.process: subprocess.Popen[bytes] = subprocess.Popen(
            command,
            env=env,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=_own_terminal,  # noqa: PLW1509 (one ioctl between fork and exec)
        )
        os.close(slave)

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def read_until(self, text: str) -> str:
        """What is shown up to and with `text`."""
        while text not in self._unread:
            piece = self._read()
            assert piece, self._unread
            self._unread += piece
        end = self._unread.index(text) + len(text)
        shown, self._unread = self._unread[:end], self._unread[end:]
        return shown

    def press_until(self, key: str, text: str) -> str:
        """Press a key until `text` is shown: one pressed just behind a prompt may be lost.

        CPython's readline shows its prompt first and looks for signals only from then on.
        """
        for _ in range(PRESSES):
            self.type(key)
            while text not in self._unread and self._readable(PATIENCE_S):
                piece = self._read()
                assert piece, self._unread
                self._unread += piece
            if text in self._unread:
                break
        return self.read_until(text)

    def wait_closed(self) -> int:
        """Read on until nobody has the terminal open; the program's exit code."""
        while self._read():
            pass
        return self.process.wait(SILENCE_S)

    def _readable(self, seconds: float) -> bool:
        return bool(select.select([self._master], [], [], seconds)[0])

    def _read(self) -> str:
        assert self._readable(SILENCE_S), self._unread
        try:
            return os.read(self._master, 4096).decode(errors="replace")
        except OSError:  # EIO: the other end is closed
            return ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            self.wait_closed()
        os.close(self._master)


def _own_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
