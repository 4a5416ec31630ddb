"""SageMaker's stateful sessions: ids that keep a conversation on the instance that has it warm.

A session holds no text. The client sends the whole history each time, and the engine's prefix
cache finds what it still has of it; losing a session loses speed, never an answer.

    NEW_SESSION --> open --touch--> open --close--> gone
                      `--time is over--> expired (remembered for a while) --> gone
"""

from __future__ import annotations

import re
import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from container.errors import SessionExpired, SessionNotFound
from serving.errors import InvalidRequest

NEW_SESSION = "NEW_SESSION"
SESSION_ID = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9])*")
MAX_ID_LENGTH = 256
ADVICE = "start a NEW_SESSION and send the whole history again"


@dataclass(frozen=True)
class Session:
    """An open session.

    Attributes:
        expires: seconds since 1970.
    """

    session_id: str
    expires: float

    @property
    def expires_text(self) -> str:
        """The expiry as SageMaker's header has it, in UTC."""
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.expires))

    @property
    def header(self) -> str:
        """The value of the header that announces the session."""
        return f"{self.session_id}; Expires={self.expires_text}"


class SessionStore:
    """The sessions of this instance, in memory. Safe to call from any thread.

    Invariant: never more than `limit` sessions, the least recently used go first.
    """

    def __init__(
        self, lifetime_s: float, limit: int, clock: Callable[[], float] = time.time
    ) -> None:
        self._lifetime_s = lifetime_s
        self._limit = limit
        self._clock = clock
        self._sessions: OrderedDict[str, Session] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """Sessions whose time is not over."""
        now = self._clock()
        with self._lock:
            return sum(session.expires > now for session in self._sessions.values())

    def open(self) -> Session:
        """Begin a session."""
        session = Session(str(uuid.uuid4()), self._clock() + self._lifetime_s)
        with self._lock:
            self._sessions[session.session_id] = session
            self._forget()
        return session

    def touch(self, session_id: str) -> Session:
        """Continue a session: its time begins anew.

        Raises:
            InvalidRequest: the id is malformed.
            SessionNotFound: no such session here.
            SessionExpired: its time is over.
        """
        check_session_id(session_id)
        with self._lock:
            self._open_session(session_id)
            session = Session(session_id, self._clock() + self._lifetime_s)
            self._sessions[session_id] = session
            self._sessions.move_to_end(session_id)
        return session

    def close(self, session_id: str) -> None:
        """End a session; raises what `touch` raises."""
        check_session_id(session_id)
        with self._lock:
            self._open_session(session_id)
            del self._sessions[session_id]

    def discard(self, session_id: str) -> None:
        """Forget a session whose first request failed, if it is there."""
        with self._lock:
            self._sessions.pop(session_id, None)

    def _open_session(self, session_id: str) -> Session:
        session = self._sessions.get(session_id)
        if session is None:
            raise SessionNotFound(
                f"this instance has no such session; {ADVICE}", param="session_id"
            )
        if session.expires <= self._clock():
            raise SessionExpired(f"the session's time is over; {ADVICE}", param="session_id")
        return session

    def _forget(self) -> None:
        """Drop what expired a lifetime ago, and the least recently used beyond the limit."""
        oldest_kept = self._clock() - self._lifetime_s
        while self._sessions:
            first = next(iter(self._sessions.values()))
            if len(self._sessions) <= self._limit and first.expires > oldest_kept:
                return
            del self._sessions[first.session_id]


def check_session_id(session_id: str) -> None:
    """Raise InvalidRequest unless the id has the form that SageMaker allows."""
    if len(session_id) <= MAX_ID_LENGTH and SESSION_ID.fullmatch(session_id):
        return
    raise InvalidRequest(
        f"a session id is {NEW_SESSION}, or up to {MAX_ID_LENGTH} letters and digits with hyphens "
        "between them",
        param="session_id",
    )
