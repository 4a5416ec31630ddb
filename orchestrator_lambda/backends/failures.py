"""How a backend fails, and what an error body or an error event of the container means.

BackendError
|-- AnswerBroken     502 backend_error   (a reason; the text before it holds, if there is any)
|-- SessionGone      502 backend_error   (the endpoint has forgotten a session; seen here only)
|-- BackendOverloaded, BackendUnavailable: of the package's own tree
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from orchestrator_lambda.errors import (
    BackendError,
    BackendOverloaded,
    BackendUnavailable,
    ContextLengthExceeded,
    InvalidRequest,
    OrchestratorError,
    PayloadTooLarge,
)

DEFAULT_RETRY_MS = 1000
MAX_RETRY_MS = 60_000
MAX_MESSAGE = 500

CANCELLED, DEADLINE, MISMATCH = "cancelled", "deadline", "mismatch"
STALLED = "stalled"
_FINAL = frozenset({CANCELLED, DEADLINE, MISMATCH})

_UNAVAILABLE_CODES = frozenset({"engine_unavailable", "engine_dead", "engine_stalled", "draining"})
_SESSION_CODES = frozenset({"session_not_found", "session_expired"})
_INVALID_STATUSES = frozenset({400, 422})
_UNAVAILABLE_STATUSES = frozenset({502, 503, 504})


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Tokens of one try."""

    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int


class AnswerBroken(BackendError):
    """An answer ended without a receipt that holds.

    Attributes:
        reason: truncated, stalled, reset, garbage, mismatch (text and receipt differ), error (the
            container's own), shutdown, abort, cancelled (by us), deadline (ours) or cut (theirs).
        usage: what the try cost, where the container still said so.
    """

    def __init__(self, message: str, *, reason: str, usage: Usage | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.usage = usage

    @property
    def final(self) -> bool:
        """Whether another try makes no sense: we ended it ourselves, or its text is in doubt."""
        return self.reason in _FINAL


class SessionGone(BackendError):
    """The endpoint does not know the session any more; a new one may be begun."""


def cancelled() -> AnswerBroken:
    """What a reader sees whose generation was closed."""
    return AnswerBroken("the answer was cancelled", reason=CANCELLED)


def too_late() -> AnswerBroken:
    """What a reader sees when the request's own deadline has come."""
    return AnswerBroken("the answer took longer than its deadline allows", reason=DEADLINE)


def reason_of(error: BaseException) -> str:
    """One word for logs and for `SwitchedBackend`."""
    if isinstance(error, AnswerBroken):
        return error.reason
    return error.code if isinstance(error, OrchestratorError) else "internal_error"


@dataclass(frozen=True, kw_only=True)
class ContainerError:
    """The error object of the container; `status` is None where it came inside a stream."""

    REFUSAL: ClassVar[str] = "the model refused the request"

    status: int | None = None
    code: str = ""
    kind: str = ""
    message: str = ""
    param: str | None = None
    retry_after_ms: int | None = None

    @classmethod
    def of_body(cls, status: int, body: bytes | str) -> ContainerError:
        """From an answer's status and body, whatever the body is."""
        try:
            content = json.loads(body)
        except (ValueError, RecursionError):
            content = None
        error = content.get("error") if isinstance(content, dict) else None
        return cls.of_object(error if isinstance(error, dict) else {}, status)

    @classmethod
    def of_object(cls, error: Mapping[str, Any], status: int | None = None) -> ContainerError:
        """From the object under `error`; fields of a wrong type count as absent."""
        param = error.get("param")
        return cls(
            status=status,
            code=_text(error.get("code")),
            kind=_text(error.get("type")),
            message=_text(error.get("message"))[:MAX_MESSAGE],
            param=param if isinstance(param, str) else None,
            retry_after_ms=retry_ms(error.get("retry_after_ms")),
        )

    def to_error(self) -> OrchestratorError:
        """What it means to us."""
        if self.code in _SESSION_CODES:
            return SessionGone("the endpoint has forgotten the session")
        if self.code == ContextLengthExceeded.code:
            return ContextLengthExceeded(self.message or self.REFUSAL, param=self.param)
        if self.status == 413 or self.code == PayloadTooLarge.code:
            return PayloadTooLarge("the conversation is larger than the model takes in one request")
        if self.status == 429 or self.code == "overloaded":
            return overloaded(self.retry_after_ms)
        if self.code in _UNAVAILABLE_CODES or self.status in _UNAVAILABLE_STATUSES:
            return unavailable(self.retry_after_ms)
        if self._blames_the_request:
            return InvalidRequest(self.message or self.REFUSAL, param=self.param)
        if self.status is None:
            return AnswerBroken("the model failed in the middle of its answer", reason="error")
        return BackendError("the model failed")

    @property
    def _blames_the_request(self) -> bool:
        if self.status is None:
            return self.kind == "invalid_request_error"
        return self.status in _INVALID_STATUSES


def overloaded(retry_after_ms: int | None = None) -> BackendOverloaded:
    """No room now; later there may be."""
    wait = DEFAULT_RETRY_MS if retry_after_ms is None else retry_after_ms
    return BackendOverloaded("the model is busy; try again later", retry_after_ms=wait)


def unavailable(retry_after_ms: int | None = None) -> BackendUnavailable:
    """Nobody answers there."""
    return BackendUnavailable(
        "the model cannot be reached; try again later", retry_after_ms=retry_after_ms
    )


def retry_ms(value: object) -> int | None:
    """A time to wait as somebody else states it, in bounds; None where it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
        return None
    return int(min(value, MAX_RETRY_MS))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
