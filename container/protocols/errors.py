"""The one JSON shape of every error, and the way from an exception to it."""

from __future__ import annotations

import math
import re
from typing import Any

import msgspec
from sagemaker_inference.errors import BaseInferenceToolkitError, UnsupportedFormatError
from werkzeug.exceptions import HTTPException

from container.errors import UnsupportedMediaType
from serving.errors import KeepwarmError

DEFAULT_RETRY_MS = 1000
RETRIABLE_STATUSES = frozenset({429, 503})


class WireError(msgspec.Struct, frozen=True, kw_only=True):
    """An error as a client sees it: a status, a stable code, one sentence, the field at fault."""

    status: int
    code: str
    message: str
    param: str | None = None
    retry_after_ms: int | None = None

    def content(self) -> dict[str, Any]:
        """The JSON object of the body, or of the event that ends a stream."""
        error: dict[str, Any] = {
            "code": self.code,
            "message": self.message,
            "param": self.param,
            "type": _type_of(self.status),
        }
        if self.retry_after_ms is not None:
            error["retry_after_ms"] = self.retry_after_ms
        return {"error": error}

    def body(self) -> bytes:
        """The body of the answer."""
        return msgspec.json.encode(self.content())

    def headers(self) -> dict[str, str]:
        """Retry-After in whole seconds, where there is a time to wait."""
        if self.retry_after_ms is None:
            return {}
        return {"Retry-After": str(max(1, math.ceil(self.retry_after_ms / 1000)))}


def wire_error(error: BaseException) -> WireError:
    """What a client is told of `error`. An unknown exception tells it nothing of its inside."""
    if isinstance(error, KeepwarmError):
        return _of_keepwarm(error)
    if isinstance(error, HTTPException):
        return _of_http(error)
    if isinstance(error, BaseInferenceToolkitError):
        return _of_toolkit(error)
    if isinstance(error, UnsupportedFormatError):
        return _of_keepwarm(UnsupportedMediaType("the model's code does not read this media type"))
    return WireError(
        status=500, code="internal_error", message="the server failed; its log says why"
    )


def _of_keepwarm(error: KeepwarmError) -> WireError:
    retry_after_ms = error.retry_after_ms
    if retry_after_ms is None and error.status in RETRIABLE_STATUSES:
        retry_after_ms = DEFAULT_RETRY_MS
    return WireError(
        status=error.status,
        code=error.code,
        message=error.message,
        param=error.param,
        retry_after_ms=retry_after_ms,
    )


def _of_http(error: HTTPException) -> WireError:
    code = re.sub(r"[^a-z]+", "_", error.name.lower())
    message = f"{error.name.lower()}: {error.description or error.name}"
    return WireError(status=error.code or 500, code=code, message=message)


def _of_toolkit(error: BaseInferenceToolkitError) -> WireError:
    """An error that the model's code raised on purpose, with the status it chose."""
    valid = isinstance(error.status_code, int) and 400 <= error.status_code <= 599
    status = error.status_code if valid else 500
    return WireError(status=status, code="user_error", message=str(error.message))


def _type_of(status: int) -> str:
    """The `type` of OpenAI's error bodies."""
    if status == 429:
        return "rate_limit_error"
    return "invalid_request_error" if status < 500 else "server_error"
