"""Which instance has a conversation warm, as the platform in front of them calls it.

SageMaker gives a session id (endpoint_sessions.py), a load balancer cookies (homes.py). Both are
kept between invocations, in Redis where there is one, and both are a convenience: the whole
history goes along with every request, so what is lost costs a prefill and nothing else.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol

MAX_KEPT = 1000


class SessionBook(Protocol):
    """Where they are kept; the sessions in Redis have these methods."""

    def endpoint_session(self, conversation_id: str) -> str | None:
        """The SageMaker session kept for a conversation, if any."""

    def keep_endpoint_session(self, conversation_id: str, session_id: str, *, ttl_s: int) -> None:
        """Remember it."""

    def home(self, conversation_id: str) -> str | None:
        """The home in a fleet kept for a conversation, if any."""

    def keep_home(self, conversation_id: str, home: str, *, ttl_s: int) -> None:
        """Remember it."""

    def drop_home(self, conversation_id: str) -> None:
        """Forget it."""


class LocalSessionBook:
    """A book in this process, for where there is no other. Thread-safe, the oldest go first."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._sessions = _Page(clock)
        self._homes = _Page(clock)

    def endpoint_session(self, conversation_id: str) -> str | None:
        """See SessionBook."""
        return self._sessions.get(conversation_id)

    def keep_endpoint_session(self, conversation_id: str, session_id: str, *, ttl_s: int) -> None:
        """See SessionBook."""
        self._sessions.keep(conversation_id, session_id, ttl_s)

    def home(self, conversation_id: str) -> str | None:
        """See SessionBook."""
        return self._homes.get(conversation_id)

    def keep_home(self, conversation_id: str, home: str, *, ttl_s: int) -> None:
        """See SessionBook."""
        self._homes.keep(conversation_id, home, ttl_s)

    def drop_home(self, conversation_id: str) -> None:
        """See SessionBook."""
        self._homes.drop(conversation_id)


class _Page:
    """Entries that expire, `MAX_KEPT` of them at most."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, tuple[str, float]] = OrderedDict()

    def get(self, name: str) -> str | None:
        with self._lock:
            entry, until = self._kept.get(name, (None, 0.0))
        return entry if self._clock() < until else None

    def keep(self, name: str, entry: str, ttl_s: int) -> None:
        with self._lock:
            self._kept[name] = (entry, self._clock() + ttl_s)
            self._kept.move_to_end(name)
            while len(self._kept) > MAX_KEPT:
                self._kept.popitem(last=False)

    def drop(self, name: str) -> None:
        with self._lock:
            self._kept.pop(name, None)
