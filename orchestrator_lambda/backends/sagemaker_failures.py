"""What botocore raises, as our errors. Its words go nowhere: they name accounts and endpoints."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from typing import Any

from orchestrator_lambda.backends.connections import reading, reset, stalled
from orchestrator_lambda.backends.failures import (
    AnswerBroken,
    ContainerError,
    SessionGone,
    overloaded,
    unavailable,
)
from orchestrator_lambda.errors import BackendError, OrchestratorError, PayloadTooLarge

log = logging.getLogger(__name__)

_THROTTLED = frozenset(
    {
        "LimitExceededException",
        "RequestLimitExceeded",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
_VALIDATION = frozenset({"ValidationError", "ValidationException"})
_MISSING = ("not found", "could not find", "does not exist")
NOT_READY_RETRY_MS = 2000


@contextlib.contextmanager
def calling(backend: str) -> Iterator[None]:
    """What a call raises before its answer begins.

    Raises:
        OrchestratorError: in place of botocore's errors.
    """
    from botocore.exceptions import (
        BotoCoreError,
        ClientError,
        ConnectionClosedError,
        ReadTimeoutError,
    )

    try:
        yield
    except ClientError as error:
        raise _of_response(error.response, backend) from None
    except ReadTimeoutError:
        raise stalled() from None
    except ConnectionClosedError:
        raise reset() from None
    except BotoCoreError as error:  # no route, no credentials, parameters that botocore refuses
        log.warning(
            "a call did not leave", extra={"backend": backend, "type": type(error).__name__}
        )
        raise unavailable() from None


@contextlib.contextmanager
def streaming(backend: str) -> Iterator[None]:
    """What reading the events raises.

    Raises:
        AnswerBroken: in place of botocore's and urllib3's errors.
    """
    from botocore.eventstream import ParserError
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        with reading():
            yield
    except ClientError as error:
        code = _code(error.response)
        log.warning("an endpoint broke its stream off", extra={"backend": backend, "code": code})
        raise AnswerBroken("the model's endpoint broke the answer off", reason="error") from None
    except (ParserError, BotoCoreError):
        raise AnswerBroken("the endpoint's stream cannot be read", reason="garbage") from None


def _of_response(response: dict[str, Any], backend: str) -> OrchestratorError:
    code = _code(response)
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    fields = {"backend": backend, "code": code, "status": status}
    if code == "ModelError":
        return _of_container(response, fields)
    if code in _THROTTLED:
        return overloaded()
    log.warning("an endpoint refused a call", extra=fields)
    if code in _VALIDATION:
        return _of_validation(response)
    if status == 413:
        return PayloadTooLarge("the conversation is larger than the model takes in one request")
    if code == "ModelNotReadyException":
        return unavailable(NOT_READY_RETRY_MS)
    if status == 429:
        return overloaded()
    return unavailable()


def _of_container(response: dict[str, Any], fields: dict[str, Any]) -> OrchestratorError:
    status = response.get("OriginalStatusCode")
    if not isinstance(status, int) or status < 400:
        return BackendError("the model did not answer properly")
    error = ContainerError.of_body(status, str(response.get("OriginalMessage") or ""))
    log.warning(
        "the container refused a call",
        extra={**fields, "status": status, "error_code": error.code},
    )
    return error.to_error()


def _of_validation(response: dict[str, Any]) -> OrchestratorError:
    """A call that the platform takes for wrong: an endpoint or a session that is not there."""
    words = str(response.get("Error", {}).get("Message", "")).lower()
    if "session" in words:
        return SessionGone("the endpoint has forgotten the session")
    if any(word in words for word in _MISSING):
        return unavailable()
    return BackendError("the model's endpoint did not take the call")


def _code(response: dict[str, Any]) -> str:
    code = response.get("Error", {}).get("Code", "")
    return str(code).rsplit("#", 1)[-1].split(":", 1)[0]
