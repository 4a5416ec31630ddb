"""Keeps a stack's parts alive while somebody chats with it."""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING

from local.errors import StackError

if TYPE_CHECKING:
    from local.stack.supervisor import Stack

TEND_S, AGAIN_S = 0.5, 2.0


class Tending:
    """Keeps the parts alive from a thread while the block runs.

    Raises:
        StackError: at the end, if one could not be kept alive; the block was interrupted then.
    """

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._over = threading.Event()
        self._failure: StackError | None = None
        self._thread = threading.Thread(target=self._tend, daemon=True)

    def __enter__(self) -> Tending:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        from local.stack.interruptions import ignored

        self._over.set()
        with ignored():  # the stack is stopped next, and by one thread alone
            self._thread.join()
        self.check()

    def check(self) -> None:
        """Raise StackError once a part could not be kept alive."""
        if self._failure is not None:
            raise self._failure

    def read_line(self, prompt: str) -> str:
        """Ctrl-C at the prompt leaves, as Ctrl-D does: here it stands for the whole stack."""
        self.check()
        try:
            return input(prompt)
        except KeyboardInterrupt:
            raise EOFError from None

    def _tend(self) -> None:
        while not self._over.wait(TEND_S):
            try:
                self._stack.tend()
            except StackError as error:
                self._failure = error
                self._interrupt()
                return

    def _interrupt(self) -> None:
        """Ctrl-C for the block. Again while it goes on: readline loses one at its very start."""
        os.kill(os.getpid(), signal.SIGINT)
        while not self._over.wait(AGAIN_S):
            os.kill(os.getpid(), signal.SIGINT)
