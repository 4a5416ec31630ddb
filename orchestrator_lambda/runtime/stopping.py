"""The end of the environment: SIGTERM is noticed while waiting, and after an invocation."""

from __future__ import annotations

import os
import select
import signal
import socket
from types import FrameType


class StopSignal:
    """Waits for the connection or for a signal, whichever comes first.

    A signal handler that raised would do so at any place in any code. This one only takes a note;
    the interpreter writes a byte into a pipe, which ends the waiting.
    """

    def __init__(self) -> None:
        self.requested = False
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._reader, False)
        os.set_blocking(self._writer, False)

    def install(self) -> None:
        """Take over SIGTERM and SIGINT; only the main thread may."""
        signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._note)

    def wait(self, connection: socket.socket) -> bool:
        """True when there is something to read, which comes first; False when asked to stop."""
        watched: list[socket.socket | int] = [connection, self._reader]
        while True:
            # What has come already is taken even after the signal: it would be lost otherwise.
            readable, _, _ = select.select(watched, [], [], 0 if self.requested else None)
            if connection in readable:
                return True
            if self.requested:
                return False
            os.read(self._reader, 64)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.requested = True
