"""The function's handler: one application, under our own runtime and under AWS's managed one.

    handler = LambdaHandler(application)          # in the module that `_HANDLER` names

Our runtime calls `begin` and streams. AWS's managed runtime calls the handler itself with event and
context and gets whole answers; what is to be done after the answer is then done before it, as there
is no later moment that the managed runtime would give.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from orchestrator_lambda.errors import OrchestratorError, PayloadTooLarge
from orchestrator_lambda.events.answers import BODILESS, UnfitHeader, require_fit
from orchestrator_lambda.events.invocation import EventSettings, Invocation
from orchestrator_lambda.events.kinds import HttpEvent, OtherEvent, classify, other_answer
from orchestrator_lambda.events.request import read_request
from orchestrator_lambda.http.cors import CorsPolicy, with_cors
from orchestrator_lambda.http.errors import answering_errors, error_response
from orchestrator_lambda.http.message import Application, HttpRequest, HttpResponse
from orchestrator_lambda.observability import context as log_context
from orchestrator_lambda.observability.failures import log_failure
from orchestrator_lambda.observability.metrics import RequestMetrics
from orchestrator_lambda.observability.trace import TRACE_VARIABLE
from orchestrator_lambda.runtime.answer import (
    Answer,
    BufferedAnswer,
    PreludeTooLarge,
    StreamedAnswer,
    encode_prelude,
    finish,
)
from orchestrator_lambda.runtime.lifecycle import Lifecycle

REQUEST_ID_HEADER = "X-Request-Id"

Scheduled = Callable[[Mapping[str, Any], Invocation], Mapping[str, Any]]

log = logging.getLogger(__name__)


class LambdaHandler:
    """An application as a Lambda handler.

    Args:
        application: gets every HTTP request. What it raises becomes an answer here.
        settings: how events are read.
        cors: which pages of other origins may read answers; preflights are answered here.
        scheduled: gets events of a schedule and returns fields of their answer.
        lifecycle: hooks around the environment, which our runtime calls.
    """

    def __init__(
        self,
        application: Application,
        *,
        settings: EventSettings | None = None,
        cors: CorsPolicy | None = None,
        scheduled: Scheduled | None = None,
        lifecycle: Lifecycle | None = None,
    ) -> None:
        self._settings = settings or EventSettings()
        self._cors = cors or CorsPolicy()
        self._application = self._complete(application)
        self._scheduled = scheduled
        self.lifecycle = lifecycle or Lifecycle()

    def __call__(self, event: object, context: Any) -> Any:
        """One invocation under AWS's managed runtime."""
        invocation = Invocation(
            request_id=str(getattr(context, "aws_request_id", "")),
            remaining_ms=getattr(
                context, "get_remaining_time_in_millis", Invocation().remaining_ms
            ),
            trace_id=os.environ.get(TRACE_VARIABLE, ""),
        )
        answer = self.begin(event, invocation, may_stream=False)
        finish(answer)
        return answer.content if isinstance(answer, BufferedAnswer) else None

    def begin(self, event: object, invocation: Invocation, *, may_stream: bool = True) -> Answer:
        """Answer an event; a streamed answer's payload is still to be made, by reading it."""
        log_context.begin_invocation(invocation.request_id, event)
        kind = classify(event)
        if isinstance(kind, OtherEvent):
            return BufferedAnswer(content=self._other(kind, event, invocation))
        prepared, http = kind
        settings = self._settings if may_stream else replace(self._settings, streaming=frozenset())
        request, problem = read_request(prepared, http, invocation, settings)
        log_context.bind(trace_id=request.trace["traceparent"].split("-")[1])
        started = time.monotonic()
        response = self._respond(request, problem)
        make = self._streamed if request.streaming else self._buffered
        return _measured(make(http, request, response), request, response.status, started)

    def _complete(self, application: Application) -> Application:
        return with_cors(answering_errors(application), self._cors)

    def _respond(self, request: HttpRequest, problem: OrchestratorError | None) -> HttpResponse:
        response = (
            self._complete(_raising(problem))(request) if problem else (self._application(request))
        )
        headers = {REQUEST_ID_HEADER: request.request_id} if request.request_id else {}
        return replace(response, headers={**response.headers, **headers})

    def _streamed(self, http: HttpEvent, request: HttpRequest, response: HttpResponse) -> Answer:
        try:
            prelude = encode_prelude(response)
            pieces = _pieces(request, response)
        except (PreludeTooLarge, UnfitHeader) as error:
            log_failure(log, "the answer's headers cannot be sent", error)
            _drain(response)
            substitute = error_response(error, request.request_id)
            prelude, pieces = encode_prelude(substitute), _pieces(request, substitute)
        return StreamedAnswer(prelude=prelude, pieces=pieces, hooks=request.hooks)

    def _buffered(self, http: HttpEvent, request: HttpRequest, response: HttpResponse) -> Answer:
        try:
            body = collected(_pieces(request, response), http.limit)
            content = http.answer(replace(response, body=body))
            require_fit(content, http.limit)
        except OrchestratorError as error:
            content = http.answer(self._respond(request, error))
        except Exception as error:
            log_failure(log, "the answer broke off", error)
            content = http.answer(error_response(error, request.request_id))
        return BufferedAnswer(content=content, hooks=request.hooks)

    def _other(self, kind: OtherEvent, event: object, invocation: Invocation) -> dict[str, Any]:
        content = other_answer(kind)
        if kind is OtherEvent.UNKNOWN:
            log.warning("the event is of no known kind")
        if kind is OtherEvent.SCHEDULED and self._scheduled and isinstance(event, dict):
            content.update(self._scheduled(event, invocation))
        return content


def collected(pieces: Iterator[bytes], limit: int) -> bytes:
    """All pieces as one. They are read to the end even when there are too many.

    Raises:
        PayloadTooLarge: they have more than `limit` bytes.
    """
    kept: list[bytes] = []
    size = 0
    for piece in pieces:
        size += len(piece)
        if size <= limit:
            kept.append(piece)
    if size > limit:
        raise PayloadTooLarge(
            f"the answer has {size} bytes and this way to the service carries {limit}; "
            "ask for less, or use the streaming way"
        )
    return b"".join(kept)


def _pieces(request: HttpRequest, response: HttpResponse) -> Iterator[bytes]:
    """The payload; none where HTTP allows none, though it is still read to its end."""
    if request.method == "HEAD" or response.status in BODILESS:
        return _silenced(response)
    return iter([response.body]) if isinstance(response.body, bytes) else response.body


def _silenced(response: HttpResponse) -> Iterator[bytes]:
    _drain(response)
    yield from ()


def _drain(response: HttpResponse) -> None:
    """Read a body that nobody gets: making it may be what keeps an answer."""
    if isinstance(response.body, bytes):
        return
    try:
        for _ in response.body:
            pass
    except Exception as error:
        log_failure(log, "the answer broke off", error)


def _raising(problem: OrchestratorError) -> Application:
    def answer(request: HttpRequest) -> HttpResponse:
        raise problem

    return answer


def _measured(answer: Answer, request: HttpRequest, status: int, started: float) -> Answer:
    """Count the request when its answer has ended, before all other work."""
    first_byte_ms = (time.monotonic() - started) * 1000

    def emit() -> None:
        RequestMetrics(
            source=request.source,
            status=status,
            duration_ms=(time.monotonic() - started) * 1000,
            first_byte_ms=first_byte_ms if isinstance(answer, StreamedAnswer) else None,
            broken=isinstance(answer, StreamedAnswer) and answer.broken,
        ).emit()

    answer.hooks.insert(0, emit)
    return answer
