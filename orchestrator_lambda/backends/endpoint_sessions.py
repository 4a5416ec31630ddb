"""SageMaker sessions: which instance has a conversation warm, kept between invocations.

They are a convenience. The whole history goes along with every request, so a session that is lost,
or a store of them that is down, costs a prefill and nothing else.
"""

from __future__ import annotations

import calendar
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol

_ANNOUNCED = re.compile(r"([A-Za-z0-9](?:-*[A-Za-z0-9])*)(?:;\s*Expires=(\S+))?")
_EXPIRES = "%Y-%m-%dT%H:%M:%SZ"
DEFAULT_TTL_S = 1200
MAX_KEPT = 1000


class SessionBook(Protocol):
    """Where ids are kept; the sessions in Redis have these two methods."""

    def endpoint_session(self, conversation_id: str) -> str | None:
        """What was kept for a conversation, if anything."""

    def keep_endpoint_session(self, conversation_id: str, session_id: str, *, ttl_s: int) -> None:
        """Remember it."""


class LocalSessionBook:
    """A book in this process, for where there is no other. Thread-safe, the oldest go first."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, tuple[str, float]] = OrderedDict()

    def endpoint_session(self, conversation_id: str) -> str | None:
        """See SessionBook."""
        with self._lock:
            session_id, until = self._kept.get(conversation_id, (None, 0.0))
        return session_id if self._clock() < until else None

    def keep_endpoint_session(self, conversation_id: str, session_id: str, *, ttl_s: int) -> None:
        """See SessionBook."""
        with self._lock:
            self._kept[conversation_id] = (session_id, self._clock() + ttl_s)
            self._kept.move_to_end(conversation_id)
            while len(self._kept) > MAX_KEPT:
                self._kept.popitem(last=False)


class EndpointSessions:
    """The sessions of one endpoint in a book that several may share.

    Entries carry the endpoint's name, so that no endpoint is asked for another's session.
    """

    def __init__(
        self, backend: str, book: SessionBook, clock: Callable[[], float] = time.time
    ) -> None:
        self._backend = backend
        self._book = book
        self._clock = clock

    def known(self, conversation_id: str) -> str | None:
        """The session of a conversation, as far as anybody remembers."""
        kept = self._book.endpoint_session(conversation_id) or ""
        backend, _, session_id = kept.rpartition("/")
        return session_id if session_id and backend == self._backend else None

    def learn(self, conversation_id: str, announced: str) -> str | None:
        """Keep a session as the endpoint announced it: `<id>; Expires=<UTC>`; None for no id."""
        match = _ANNOUNCED.fullmatch(announced.strip())
        if match is None:
            return None
        ttl_s = self._ttl_s(match[2])
        if ttl_s > 0:
            kept = f"{self._backend}/{match[1]}"
            self._book.keep_endpoint_session(conversation_id, kept, ttl_s=ttl_s)
        return match[1]

    def _ttl_s(self, expires: str | None) -> int:
        try:
            end = calendar.timegm(time.strptime(expires or "", _EXPIRES))
        except ValueError:
            return DEFAULT_TTL_S
        return int(end - self._clock())
