"""A question to the engine's loop: any number of threads ask, it answers between two steps."""

from __future__ import annotations

import threading
from collections.abc import Callable

from serving.engine.messages import AskKVUsage
from serving.errors import EngineUnavailable
from serving.request import KVUsage

MAX_WAITING = 4


class Inquiry:
    """One question is under way at most: however many ask, the engine answers once a step.

    `MAX_WAITING` threads wait for it at most, the others take what is known: they belong to
    whoever serves, and should not all stand here while a step is long.

    Args:
        send: takes the question away; `answer` or `end` comes later, from another thread.

    Attributes:
        waiting: threads that wait now.
    """

    def __init__(self, send: Callable[[AskKVUsage], None]) -> None:
        self.waiting = 0
        self._send = send
        self._changed = threading.Condition()
        self._asked = False
        self._answers = 0
        self._latest: KVUsage | None = None
        self._ended = False

    def get(self, timeout: float) -> KVUsage | None:
        """The answer; an older one if none comes in `timeout` seconds.

        Raises:
            EngineUnavailable: there is no older one.
        """
        with self._changed:
            if not self._asked and not self._ended:
                self._asked = True
                self._send(AskKVUsage())
            if self.waiting < MAX_WAITING:
                self._wait(timeout)
            if not self._answers:
                raise EngineUnavailable(
                    f"the engine did not look up from its step in {timeout:g} s; ask again",
                    retry_after_ms=1000,
                )
            return self._latest

    def _wait(self, timeout: float) -> None:
        seen = self._answers
        self.waiting += 1
        self._changed.wait_for(lambda: self._answers > seen or self._ended, timeout)
        self.waiting -= 1

    def answer(self, usage: KVUsage | None) -> None:
        """Everybody who waits gets it."""
        with self._changed:
            self._latest = usage
            self._answers += 1
            self._asked = False
            self._changed.notify_all()

    def end(self) -> None:
        """The engine is gone: nobody waits for it any more."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()
