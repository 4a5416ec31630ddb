"""From an HTTP event to a request."""

from __future__ import annotations

from dataclasses import replace

from orchestrator_lambda.errors import InvalidRequest, OrchestratorError
from orchestrator_lambda.events import paths
from orchestrator_lambda.events.fields import Event, body_bytes
from orchestrator_lambda.events.invocation import EventSettings, Invocation
from orchestrator_lambda.events.kinds import HttpEvent
from orchestrator_lambda.http.message import HttpRequest
from orchestrator_lambda.observability.trace import trace_context


def streams(http: HttpEvent, settings: EventSettings) -> bool:
    """Whether this kind of event is answered piece by piece."""
    return http.source in settings.streaming


def read_request(
    event: Event, http: HttpEvent, invocation: Invocation, settings: EventSettings
) -> tuple[HttpRequest, OrchestratorError | None]:
    """The request in an event, and what is wrong with it, if anything.

    A request comes back in any case: its answer needs the headers, whatever else is wrong.
    """
    headers = http.headers()
    request = HttpRequest(
        method=http.method().upper(),
        path=paths.without_prefix(paths.slashed(http.path()), settings.base_path),
        headers=headers,
        source=http.source,
        identity=http.identity(),
        source_ip=http.source_ip(),
        request_id=invocation.request_id,
        trace=trace_context(headers, invocation.trace_id).headers(),
        remaining_ms=invocation.remaining_ms,
        streaming=streams(http, settings),
    )
    try:
        if not request.method:
            raise InvalidRequest("the event has no HTTP method")
        body = body_bytes(event, settings.max_body_bytes)
        return replace(request, query=http.query(), body=body), None
    except OrchestratorError as problem:
        return request, problem
