"""SageMaker sessions: which instance of an endpoint has a conversation warm, as it announced it."""

from __future__ import annotations

import calendar
import re
import time
from collections.abc import Callable

from orchestrator_lambda.backends.session_book import SessionBook

_ANNOUNCED = re.compile(r"([A-Za-z0-9](?:-*[A-Za-z0-9])*)(?:;\s*Expires=(\S+))?")
_EXPIRES = "%Y-%m-%dT%H:%M:%SZ"
DEFAULT_TTL_S = 1200


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
