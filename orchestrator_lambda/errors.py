"""What can go wrong between a client and an answer, as one tree.

    OrchestratorError                  500 internal_error
    |-- InvalidRequest                 400 invalid_request
    |   |-- ContextLengthExceeded      400 context_length_exceeded
    |   `-- PayloadTooLarge            413 payload_too_large
    |-- Unauthenticated                401 unauthenticated
    |-- Forbidden                      403 forbidden
    |   `-- Moderated                  403 moderated
    |-- NotFound                       404 not_found             (another user's are not found too)
    |-- MethodNotAllowed               405 method_not_allowed
    |-- Conflict                       409 conflict
    |   |-- TurnInProgress             409 turn_in_progress      (another tab is being answered)
    |   |-- IdempotencyMismatch        409 idempotency_mismatch  (same key, another body)
    |   `-- Fenced                     409 fenced                (a newer producer took over)
    |-- RateLimited                    429 rate_limited          (has retry_after_ms)
    |   `-- QuotaExceeded              429 quota_exceeded        (has retry_after_ms)
    |-- StoreUnavailable               503 store_unavailable     (has retry_after_ms)
    |-- IdentityUnavailable            503 identity_unavailable  (identity/: the issuer's keys)
    |-- ConfigError                    500 config_error          (at start only)
    `-- BackendError                   502 backend_error
        |-- BackendOverloaded          503 backend_overloaded    (has retry_after_ms)
        `-- BackendUnavailable         503 backend_unavailable

Every error knows the HTTP status and the stable code that it becomes. The message is one sentence
for the caller: what was wrong and what would be right. It never holds message text or a secret.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar


class OrchestratorError(Exception):
    """Base of every error raised on purpose here."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        retry_after_ms: int | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.retry_after_ms = retry_after_ms
        self.details = dict(details or {})


class InvalidRequest(OrchestratorError):
    """The request can never be served as it stands; `param` names the field at fault."""

    status = 400
    code = "invalid_request"


class ContextLengthExceeded(InvalidRequest):
    """The newest message alone does not fit the model's context."""

    code = "context_length_exceeded"


class PayloadTooLarge(InvalidRequest):
    """The body or the message is longer than the limit."""

    status = 413
    code = "payload_too_large"


class Unauthenticated(OrchestratorError):
    """No identity, or one that does not hold."""

    status = 401
    code = "unauthenticated"


class Forbidden(OrchestratorError):
    """A known identity that may not do this."""

    status = 403
    code = "forbidden"


class Moderated(Forbidden):
    """A moderation hook refused the text."""

    code = "moderated"


class NotFound(OrchestratorError):
    """No such thing, or not this user's: the two are not told apart."""

    status = 404
    code = "not_found"


class MethodNotAllowed(OrchestratorError):
    """The path exists, with other methods."""

    status = 405
    code = "method_not_allowed"


class Conflict(OrchestratorError):
    """The state has moved on since the caller looked."""

    status = 409
    code = "conflict"


class TurnInProgress(Conflict):
    """The conversation is being answered already."""

    code = "turn_in_progress"


class IdempotencyMismatch(Conflict):
    """An idempotency key came again with another request."""

    code = "idempotency_mismatch"


class Fenced(Conflict):
    """A newer producer holds the conversation: this one must write no more."""

    code = "fenced"


class RateLimited(OrchestratorError):
    """Too many requests of this user; the next is welcome after `retry_after_ms`."""

    status = 429
    code = "rate_limited"


class QuotaExceeded(RateLimited):
    """The user's tokens of the day are used up."""

    code = "quota_exceeded"


class StoreUnavailable(OrchestratorError):
    """The history cannot be read or written now; nothing was acknowledged."""

    status = 503
    code = "store_unavailable"


class ConfigError(OrchestratorError):
    """A setting is wrong; the message names variable, value (of no secret) and what is right."""

    code = "config_error"


class BackendError(OrchestratorError):
    """No backend gave an answer that holds."""

    status = 502
    code = "backend_error"


class BackendOverloaded(BackendError):
    """Every backend refused for want of KV cache or queue; later it may be taken."""

    status = 503
    code = "backend_overloaded"


class BackendUnavailable(BackendError):
    """No backend can be reached."""

    status = 503
    code = "backend_unavailable"
