"""A circuit breaker: a backend that keeps failing is left alone for a while.

    closed --failures--> open --time--> half-open --one trial--> closed, or open for longer

Being busy is no failure: `pause` keeps requests away for as long as the backend asked, and that is
all. A breaker knows no backend, no clock of its own, and is safe to call from any thread.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class BreakerPolicy:
    """When a breaker opens, and for how long.

    Attributes:
        failures: so many in a row open it.
        window, rate: so do failures of this rate among the last `window` outcomes.
        open_s: first time; it doubles with each trial that fails, up to `max_open_s`.
        max_pause_s: the longest that a busy backend is believed.
    """

    failures: int = 3
    window: int = 20
    rate: float = 0.5
    open_s: float = 1.0
    max_open_s: float = 30.0
    max_pause_s: float = 30.0


class Breaker:
    """Says whether a backend may be tried now. Times are in seconds of `clock`."""

    def __init__(
        self, policy: BreakerPolicy | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._policy = policy or BreakerPolicy()
        self._clock = clock
        self._lock = threading.Lock()
        self._outcomes: deque[bool] = deque(maxlen=self._policy.window)
        self._failures_in_a_row = 0
        self._times_opened = 0
        self._open_until: float | None = None
        self._paused_until = 0.0
        self._trial = False

    def available_in(self) -> float:
        """Seconds until a try makes sense, 0 for now. While a trial is under way: a little."""
        with self._lock:
            return self._available_in()

    def admit(self) -> bool:
        """Take leave to try. Whoever got it reports `alive`, `failed`, `busy` or `dropped`."""
        with self._lock:
            if self._available_in() > 0:
                return False
            self._trial = self._open_until is not None
            return True

    def alive(self) -> None:
        """An answer has begun, or was refused for the request's own fault: the backend lives.

        A trial has passed then; failures before it are forgotten only when an answer is complete,
        for a backend may begin every answer and end none.
        """
        with self._lock:
            self._let_in()

    def succeeded(self) -> None:
        """An answer is complete."""
        with self._lock:
            self._let_in()
            if self._times_opened:
                self._outcomes.clear()
            self._outcomes.append(True)
            self._failures_in_a_row = self._times_opened = 0

    def failed(self) -> None:
        """It could not be reached, or an answer broke."""
        with self._lock:
            self._outcomes.append(False)
            self._failures_in_a_row += 1
            on_trial, self._trial = self._trial, False
            if on_trial or (self._open_until is None and self._is_too_much()):
                self._open()

    def busy(self, retry_after_s: float) -> None:
        """It is alive and asked for a pause."""
        with self._lock:
            self._let_in()
            pause = min(max(retry_after_s, 0.0), self._policy.max_pause_s)
            self._paused_until = self._clock() + pause

    def dropped(self) -> None:
        """The try ended without a verdict."""
        with self._lock:
            self._trial = False

    def _available_in(self) -> float:
        now = self._clock()
        if self._trial:
            return self._policy.open_s
        return max(self._paused_until - now, (self._open_until or 0.0) - now, 0.0)

    def _is_too_much(self) -> bool:
        policy = self._policy
        if self._failures_in_a_row >= policy.failures:
            return True
        full = len(self._outcomes) == policy.window
        return full and self._outcomes.count(False) >= policy.rate * policy.window

    def _open(self) -> None:
        wait = self._policy.open_s * 2 ** min(self._times_opened, 16)
        self._times_opened += 1
        self._open_until = self._clock() + min(wait, self._policy.max_open_s)

    def _let_in(self) -> None:
        self._trial = False
        self._open_until = None
