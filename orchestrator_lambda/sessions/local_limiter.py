"""The rate limit of this process alone, for when Redis cannot say."""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

MAX_USERS = 10_000


class LocalLimiter:
    """A token bucket for each user; of those not seen for longest nothing is remembered.

    Args:
        capacity: requests at once; 0 lets everything pass.
        rate_ms: tokens that come back in a millisecond.
        clock: seconds, rising.
    """

    def __init__(
        self, capacity: int, rate_ms: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._capacity = capacity
        self._rate_ms = rate_ms
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, user: str) -> int:
        """Take a token: 0, or milliseconds until there is one."""
        if not self._capacity:
            return 0
        with self._lock:
            now = self._clock() * 1000
            tokens, at = self._buckets.pop(user, (float(self._capacity), now))
            tokens = min(float(self._capacity), tokens + (now - at) * self._rate_ms)
            taken = tokens >= 1
            self._buckets[user] = (tokens - taken, now)
            if len(self._buckets) > MAX_USERS:
                self._buckets.popitem(last=False)
        return 0 if taken else math.ceil((1 - tokens) / self._rate_ms)
