"""What can go wrong in the engine, as one tree.

    KeepwarmError                      500 internal_error
    |-- InvalidRequest                 400 invalid_request
    |   `-- ContextLengthExceeded      400 context_length_exceeded
    |-- Overloaded                     429 overloaded            (has retry_after_ms)
    |-- EngineUnavailable              503 engine_unavailable
    |   |-- EngineDead                 503 engine_dead
    |   `-- EngineDraining             503 draining
    |-- GenerationFailed               500 generation_failed
    |-- ConfigError                    500 config_error          (at start only)
    `-- UnsupportedModel               500 unsupported_model     (at start only)

Every error knows the HTTP status and the stable code that it becomes: this module is the one
place where they are chosen. The message is one sentence for the caller: what was wrong and what
would be right. It never holds prompt text.
"""

from __future__ import annotations

from typing import ClassVar


class KeepwarmError(Exception):
    """Base of every error this project raises on purpose."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"

    def __init__(
        self, message: str, *, param: str | None = None, retry_after_ms: int | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.retry_after_ms = retry_after_ms


class InvalidRequest(KeepwarmError):
    """The request can never be served as it stands; `param` names the field at fault."""

    status = 400
    code = "invalid_request"


class ContextLengthExceeded(InvalidRequest):
    """Prompt plus requested tokens do not fit the model's context or the whole KV cache."""

    code = "context_length_exceeded"


class Overloaded(KeepwarmError):
    """The queue is full now; the same request may succeed after `retry_after_ms`."""

    status = 429
    code = "overloaded"


class EngineUnavailable(KeepwarmError):
    """The engine cannot take work now."""

    status = 503
    code = "engine_unavailable"


class EngineDead(EngineUnavailable):
    """The engine process has ended; what it was running is lost."""

    code = "engine_dead"


class EngineDraining(EngineUnavailable):
    """The server is shutting down and takes no new work."""

    code = "draining"


class GenerationFailed(KeepwarmError):
    """A step of the model raised; the requests in that step ended with it."""

    code = "generation_failed"


class ConfigError(KeepwarmError):
    """A setting is wrong; the message names the variable, the value and what would be right."""

    code = "config_error"


class UnsupportedModel(KeepwarmError):
    """The paged engine cannot run this checkpoint; the message names reason and fallback."""

    code = "unsupported_model"


def error_from_code(code: str, message: str) -> KeepwarmError:
    """Rebuild an error that crossed the process boundary as (code, message)."""
    pending: list[type[KeepwarmError]] = [KeepwarmError]
    while pending:
        cls = pending.pop()
        if cls.code == code:
            return cls(message)
        pending.extend(cls.__subclasses__())
    return KeepwarmError(message)
