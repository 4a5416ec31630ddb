"""The one way from an exception to the JSON that a client sees."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from orchestrator_lambda.errors import MethodNotAllowed, OrchestratorError
from orchestrator_lambda.http.message import Application, HttpRequest, HttpResponse, json_response
from orchestrator_lambda.observability.failures import log_failure

UNKNOWN = "the request failed inside the service; its log has the request id"
DEFAULT_RETRY_MS = 1000
RETRIABLE = frozenset({429, 503})

log = logging.getLogger(__name__)


def error_content(error: BaseException, request_id: str = "") -> dict[str, Any]:
    """The JSON object that stands for `error`, in a body or in an event that ends a stream.

    An exception that was not raised on purpose tells nothing of its inside.
    """
    known = error if isinstance(error, OrchestratorError) else None
    fields: dict[str, Any] = {
        "code": known.code if known else OrchestratorError.code,
        "message": known.message if known else UNKNOWN,
        "param": known.param if known else None,
        "retry_after_ms": retry_after_ms(error),
        "request_id": request_id,
    }
    if known and known.details:
        fields["details"] = known.details
    return {"error": fields}


def error_response(error: BaseException, request_id: str = "") -> HttpResponse:
    """The whole answer that stands for `error`."""
    headers = {}
    wait_ms = retry_after_ms(error)
    if wait_ms is not None:
        headers["Retry-After"] = str(max(1, math.ceil(wait_ms / 1000)))
    status = error.status if isinstance(error, OrchestratorError) else OrchestratorError.status
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, MethodNotAllowed) and "allow" in error.details:
        headers["Allow"] = error.details["allow"]
    return json_response(error_content(error, request_id), status=status, headers=headers)


def retry_after_ms(error: BaseException) -> int | None:
    """How long to wait before trying again; None where trying again is no use."""
    if not isinstance(error, OrchestratorError):
        return None
    if error.retry_after_ms is None and error.status in RETRIABLE:
        return DEFAULT_RETRY_MS
    return error.retry_after_ms


def answering_errors(application: Application) -> Application:
    """`application`, whose exceptions become answers; the unknown ones are logged.

    The first piece of a streamed body is asked for here, so that what goes wrong until then still
    has a status of its own.
    """

    def answer(request: HttpRequest) -> HttpResponse:
        try:
            return begun(application(request))
        except OrchestratorError as error:
            return error_response(error, request.request_id)
        except Exception as error:
            log_failure(log, "the request failed", error)
            return error_response(error, request.request_id)

    return answer


def begun(response: HttpResponse) -> HttpResponse:
    """The same answer, with the first piece of a streamed body made already.

    Raises:
        Exception: whatever making that piece raises.
    """
    if isinstance(response.body, bytes):
        return response
    pieces = response.body
    try:
        first = next(pieces)
    except StopIteration:
        return replace(response, body=b"")
    return replace(response, body=_resumed(first, pieces))


def _resumed(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest
