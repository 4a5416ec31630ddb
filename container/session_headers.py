"""Sessions on the wire: the request's session header and control bodies, the answer's headers."""

from __future__ import annotations

import msgspec
from werkzeug.datastructures import Headers

from container.answers import Reply
from container.context import RequestContext
from container.media_types import JSON
from container.sessions import NEW_SESSION, Session, SessionStore
from container.settings import ContainerSettings
from serving.errors import InvalidRequest

SESSION_HEADER = "X-Amzn-SageMaker-Session-Id"
NEW_SESSION_HEADER = "X-Amzn-SageMaker-New-Session-Id"
CLOSED_HEADER = "X-Amzn-SageMaker-Closed-Session-Id"
CONTROL_FIELD = "requestType"
MAX_CONTROL_BYTES = 256


class SessionProtocol:
    """Reads what a request says of its session, and writes what the answer says of it."""

    def __init__(self, settings: ContainerSettings, store: SessionStore) -> None:
        self._enabled = settings.stateful_sessions
        self._open_header = NEW_SESSION_HEADER if settings.new_session_header else SESSION_HEADER
        self._store = store

    def begin(self, headers: Headers, context: RequestContext) -> Session | None:
        """The session of a request: a new one, the one it continues, or None.

        Raises:
            InvalidRequest: sessions are switched off, or the id is malformed.
            SessionNotFound: no such session here.
            SessionExpired: its time is over.
        """
        session_id = headers.get(SESSION_HEADER)
        if session_id is None:
            return None
        if not self._enabled:
            raise InvalidRequest(
                "sessions are switched off; SAGEMAKER_ENABLE_STATEFUL_SESSIONS=true allows them",
                param="session_id",
            )
        is_new = session_id == NEW_SESSION
        session = self._store.open() if is_new else self._store.touch(session_id)
        context.session_id, context.session_expires = session.session_id, session.expires_text
        return session if is_new else None

    def announce(self, reply: Reply, session: Session, context: RequestContext) -> None:
        """Tell the client the id of its new session.

        Raises:
            InvalidRequest: the answer is streamed; SageMaker's streaming calls begin no session.
        """
        if context.streaming:
            raise InvalidRequest(
                "a NEW_SESSION cannot be streamed: begin it with stream false, then continue it "
                "by streaming",
                param="stream",
            )
        reply.headers[self._open_header] = session.header

    def forget(self, session: Session | None) -> None:
        """Undo `begin` for a request that failed."""
        if session is not None:
            self._store.discard(session.session_id)

    def control(self, body: bytes, headers: Headers) -> Reply | None:
        """The reply to a body that is only about a session; None for any other body.

        Raises:
            InvalidRequest: an unknown request type, or no session to close.
            SessionNotFound: no such session here.
            SessionExpired: its time is over.
        """
        kind = _control_kind(body) if self._enabled else None
        if kind is None:
            return None
        if kind == NEW_SESSION:
            session = self._store.open()
            content = {"session_id": session.session_id, "expires": session.expires_text}
            return _reply(content, {self._open_header: session.header})
        if kind != "CLOSE":
            raise InvalidRequest(
                f"{CONTROL_FIELD} must be {NEW_SESSION} or CLOSE", param=CONTROL_FIELD
            )
        session_id = headers.get(SESSION_HEADER, "")
        self._store.close(session_id)
        return _reply({"closed_session_id": session_id}, {CLOSED_HEADER: session_id})


def _control_kind(body: bytes) -> str | None:
    """The request type of a control body: an object with that one field."""
    if len(body) > MAX_CONTROL_BYTES or CONTROL_FIELD.encode() not in body:
        return None
    try:
        content = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    if not isinstance(content, dict) or list(content) != [CONTROL_FIELD]:
        return None
    return str(content[CONTROL_FIELD])


def _reply(content: dict[str, str], headers: dict[str, str]) -> Reply:
    return Reply(body=msgspec.json.encode(content), content_type=JSON, headers=headers)
