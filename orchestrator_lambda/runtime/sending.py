"""Sending an answer, so that its making never depends on whether somebody takes it."""

from __future__ import annotations

import json
import logging
import re

from orchestrator_lambda.events.answers import LAMBDA_LIMIT
from orchestrator_lambda.observability.failures import log_failure
from orchestrator_lambda.runtime.answer import (
    CONTENT_TYPE,
    Answer,
    BufferedAnswer,
    StreamedAnswer,
)
from orchestrator_lambda.runtime.api_client import RuntimeApiError, RuntimeClient, error_body
from orchestrator_lambda.runtime.stream import ResponseStream

BROKE_OFF = "the answer broke off"

log = logging.getLogger(__name__)


def send(client: RuntimeClient, request_id: str, answer: Answer) -> None:
    """Send an answer. What hinders that is logged: the next invocation is to come."""
    if isinstance(answer, BufferedAnswer):
        _send_whole(client, request_id, answer)
    else:
        _Sender(client, request_id).send(answer)


def function_error(error: BaseException) -> str:
    """Lambda's name for an exception: its type, in letters that may stand in a header."""
    return f"Function.{re.sub(r'[^A-Za-z0-9_]', '', type(error).__name__)}"


def _send_whole(client: RuntimeClient, request_id: str, answer: BufferedAnswer) -> None:
    try:
        body = json.dumps(answer.content, ensure_ascii=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        log_failure(log, "the answer is no JSON", error)
        _send_error(client, request_id, "Runtime.MarshalError", "the answer is no JSON")
        return
    if len(body) > LAMBDA_LIMIT:
        _send_error(client, request_id, "Function.ResponseSizeTooLarge", "the answer is over 6 MB")
        return
    try:
        client.post_response(request_id, body)
    except RuntimeApiError as error:
        log_failure(log, "the answer was not taken", error)


def _send_error(client: RuntimeClient, request_id: str, error_type: str, message: str) -> None:
    try:
        client.post_error(request_id, error_type, message)
    except RuntimeApiError as error:
        log_failure(log, "the error was not taken", error)


class _Sender:
    """Writes one streamed answer; when nobody takes it, reads the rest of it all the same."""

    def __init__(self, client: RuntimeClient, request_id: str) -> None:
        self._client = client
        self._request_id = request_id
        self._stream: ResponseStream | None = None

    def send(self, answer: StreamedAnswer) -> None:
        self._open()
        self._write(answer.prelude)
        try:
            for piece in answer.pieces:
                self._write(piece)
        except Exception as error:
            log_failure(log, BROKE_OFF, error)
            answer.broken = True
            self._finish(function_error(error))
        else:
            self._finish(None)

    def _open(self) -> None:
        try:
            self._stream = self._client.open_stream(self._request_id, CONTENT_TYPE)
        except OSError as error:
            self._lose(error)

    def _write(self, piece: bytes) -> None:
        if self._stream is None:
            return
        try:
            self._stream.write(piece)
        except OSError as error:
            self._lose(error)

    def _finish(self, error_type: str | None) -> None:
        if self._stream is None:
            return
        try:
            if error_type is None:
                status = self._stream.end()
            else:
                status = self._stream.fail(error_type, error_body(error_type, BROKE_OFF))
        except OSError as error:
            self._lose(error)
            return
        if not 200 <= status < 300:
            log.error("the streamed answer was refused with status %d", status)

    def _lose(self, error: BaseException) -> None:
        log_failure(log, "nobody takes the answer; it is made to its end all the same", error)
        self._stream = None
