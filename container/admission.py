"""How many requests are in the server: a fixed number, the next one is sent away at once."""

from __future__ import annotations

import threading

from serving.errors import Overloaded

RETRY_MS = 500


class Admission:
    """Counts requests from their first line of work to their last byte."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._active = 0
        self._changed = threading.Condition()

    @property
    def active(self) -> int:
        """Requests inside now."""
        return self._active

    def enter(self) -> None:
        """Take a place.

        Raises:
            Overloaded: all are taken.
        """
        with self._changed:
            if self._active >= self.limit:
                raise Overloaded(
                    f"the server has all of its {self.limit} requests running; try again later",
                    retry_after_ms=RETRY_MS,
                )
            self._active += 1

    def leave(self) -> None:
        """Give the place back."""
        with self._changed:
            self._active -= 1
            self._changed.notify_all()

    def wait_empty(self, timeout: float) -> bool:
        """Wait until nobody is inside; False if that took longer than `timeout` seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: self._active == 0, timeout)
