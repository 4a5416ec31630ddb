"""One request from its socket to its last byte, whatever happens on the way.

enter -> read body -> session -> handler -> reply -> sent -> leave
"""

from __future__ import annotations

import errno
import logging
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from flask import Request, Response

from container.answers import Reply
from container.body import read_body
from container.context import RequestContext, Route
from container.disconnect import ClientSocket
from container.errors import ClientGone
from container.logs import log_failure
from container.media_types import EVENT_STREAM, JSON, JSON_LINES
from container.protocols.errors import WireError, wire_error
from container.runtime import Runtime
from container.streaming import ending_with_errors

INFERENCE_ID_HEADER = "X-Amzn-SageMaker-Inference-Id"

access = logging.getLogger("keepwarm.access")
log = logging.getLogger("keepwarm.http")


class Invocation:
    """One request that may generate."""

    def __init__(self, runtime: Runtime, request: Request, route: Route) -> None:
        settings = runtime.settings
        self._runtime = runtime
        self._request = request
        self._client = ClientSocket(request.environ.get("gunicorn.socket"))
        self._client.limit_waiting(settings.socket_seconds)
        self._context = RequestContext(
            route,
            headers=request.headers,
            client=self._client,
            model_dir=settings.model_path,
            model_name=settings.model_name,
            instance=settings.instance,
            deadline_s=settings.deadline_seconds,
            stream_deadline_s=settings.stream_deadline_seconds,
            heartbeat_s=settings.heartbeat_seconds,
        )
        self._context.name(request.headers.get(INFERENCE_ID_HEADER))
        self._context.ledger.on_interval = runtime.telemetry.note_interval
        self._place: AbstractContextManager[Any] = nullcontext()
        self._admitted = False
        self._status = 200

    def respond(self) -> Response:
        """The answer; an error is an answer too. `_finish` runs when its last byte was sent."""
        try:
            response = self._response(self._reply())
        except Exception as error:  # the client gets an answer to everything
            response = error_response(self._to_wire(error))
        self._status = response.status_code
        response.call_on_close(self._finish)
        return response

    def _reply(self) -> Reply:
        runtime, request, context = self._runtime, self._request, self._context
        body = read_body(
            request.environ["wsgi.input"],
            request.content_length,
            runtime.settings.max_body_bytes,
        )
        runtime.lifecycle.check_open()
        runtime.admission.enter()
        self._admitted = True
        controlled = runtime.sessions.control(body, request.headers)
        if controlled is not None:
            return controlled
        session = runtime.sessions.begin(request.headers, context)
        try:
            reply, self._place = runtime.handler.answer(
                body, request.headers.get("Content-Type"), request.headers.get("Accept"), context
            )
            if session is not None:
                runtime.sessions.announce(reply, session, context)
        except BaseException:
            runtime.sessions.forget(session)
            raise
        return reply

    def _response(self, reply: Reply) -> Response:
        body = reply.body
        if not isinstance(body, bytes):
            body = self._guarded(body, reply.content_type)
        response = Response(body, status=reply.status, content_type=reply.content_type)
        response.headers.update(reply.headers)
        if reply.content_type == EVENT_STREAM:
            response.headers["Cache-Control"] = "no-cache"
            response.headers["X-Accel-Buffering"] = "no"
        return response

    def _guarded(self, parts: Iterator[bytes], content_type: str) -> Iterator[bytes]:
        """Streams in a format that can hold an error end with it; others simply break off."""
        if content_type == EVENT_STREAM:
            return ending_with_errors(parts, self._to_wire)
        if content_type == JSON_LINES:
            return self._ending_with_line(parts)
        return self._noting_errors(parts)

    def _ending_with_line(self, parts: Iterator[bytes]) -> Iterator[bytes]:
        try:
            yield from parts
        except Exception as error:  # the line is the only way to tell the client
            yield self._to_wire(error).body() + b"\n"

    def _noting_errors(self, parts: Iterator[bytes]) -> Iterator[bytes]:
        try:
            yield from parts
        except Exception as error:
            self._to_wire(error)
            raise BrokenPipeError(errno.EPIPE, "the stream failed") from None

    def _to_wire(self, error: Exception) -> WireError:
        """What the client is told; what it is not told goes into the log."""
        told = wire_error(error)
        self._context.ledger.error_code = told.code
        if told.code == "internal_error":
            with_message = self._runtime.settings.log_error_messages
            log_failure(log, "the server failed:", error, with_message)
        return told

    def _finish(self) -> None:
        """Leave nothing behind, and write down how it went."""
        context = self._context
        try:
            if context.engine is not None:
                context.engine.close()
        finally:
            self._place.__exit__(None, None, None)
            if self._admitted:
                self._runtime.admission.leave()
        self._account()

    def _outcome(self) -> str:
        """A finish reason or an error's code; `client_gone` for an answer that was not taken."""
        ledger = self._context.ledger
        if ledger.error_code is not None:
            return ledger.error_code
        if ledger.finish_reason is not None:
            return str(ledger.finish_reason)
        return ClientGone.code if self._client.is_gone() else "ok"

    def _account(self) -> None:
        context, telemetry = self._context, self._runtime.telemetry
        ledger, outcome = context.ledger, self._outcome()
        telemetry.requests.labels(context.route, outcome).inc()
        telemetry.latency.observe(ledger.elapsed_s)
        if ledger.ttft_s is not None:
            telemetry.first_token.observe(ledger.ttft_s)
        usage = ledger.usage
        fields = {
            "route": context.route,
            "status": self._status,
            "outcome": outcome,
            "request_id": context.request_id,
            "trace_id": context.trace_id,
            "stream": context.streaming,
            "session": context.session_id is not None,
            "ms": round(ledger.elapsed_s * 1000, 1),
            "ttft_ms": None if ledger.ttft_s is None else round(ledger.ttft_s * 1000, 1),
            "prompt_tokens": usage.prompt_tokens,
            "cached_tokens": usage.cached_tokens,
            "completion_tokens": usage.completion_tokens,
        }
        access.info("request", extra={"fields": fields})


def error_response(told: WireError) -> Response:
    """An error as an HTTP answer."""
    response = Response(told.body(), status=told.status, content_type=JSON)
    response.headers.update(told.headers())
    return response
