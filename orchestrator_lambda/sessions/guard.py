"""The one place where a failure of Redis becomes a degraded answer."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import TypeVar

from orchestrator_lambda.observability.failures import error_type
from orchestrator_lambda.observability.spans import span

Result = TypeVar("Result")
Fallback = TypeVar("Fallback")

log = logging.getLogger(__name__)


class Guard:
    """Calls Redis, unless it has failed too often lately.

    After `failures` in a row it is left alone for `pause_s`; then one call tries it again, and its
    outcome decides.

    Args:
        clock: seconds, rising.
    """

    def __init__(
        self, failures: int, pause_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limit = failures
        self._pause_s = pause_s
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0
        self._closed_until = 0.0

    @property
    def degraded(self) -> bool:
        """Whether the last call failed, or none is made."""
        with self._lock:
            return self._failures > 0

    def call(
        self, command: Callable[[], Result], fallback: Fallback, *, operation: str = ""
    ) -> Result | Fallback:
        """What `command` returns, or `fallback` where Redis fails or is left alone.

        Args:
            command: calls Redis.
            fallback: the degraded answer.
            operation: what traces call it; without one it is in no trace.
        """
        from redis.exceptions import RedisClusterException, RedisError

        if not self._may_call():
            return fallback
        try:
            with span("redis", operation=operation) if operation else nullcontext():
                result = command()
        except (RedisError, RedisClusterException, OSError) as error:
            self._failed(error)
            return fallback
        self._worked()
        return result

    def _may_call(self) -> bool:
        with self._lock:
            now = self._clock()
            if self._failures < self._limit:
                return True
            if now < self._closed_until:
                return False
            self._closed_until = now + self._pause_s  # this call tries; others wait for it
            return True

    def _failed(self, error: Exception) -> None:
        with self._lock:
            self._failures += 1
            self._closed_until = self._clock() + self._pause_s
            first = self._failures == 1
        if first:
            log.warning("redis failed", extra={"error_type": error_type(error)})

    def _worked(self) -> None:
        with self._lock:
            recovered, self._failures = self._failures > 0, 0
        if recovered:
            log.warning("redis works again")
