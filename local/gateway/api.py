"""The way of an API request: client -> CloudFront -> load balancer -> REST API -> function."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from local.gateway.call import Head, InvocationFailed, LambdaCall, Silence, StreamingFunction
from local.gateway.event import EdgeRequest, rest_event
from local.gateway.faults import Fault, Faults, faulty, paced
from local.gateway.headers import answer_headers, fit_for_http, request_headers
from local.gateway.settings import LAMBDA_PAYLOAD, GatewaySettings
from local.gateway.wire import Incoming, Outgoing, edge_error
from local.lambda_function import Throttled


class ApiRoute:
    """Answers requests by the function.

    Args:
        faults: happen to the requests that they concern.
    """

    def __init__(
        self, function: StreamingFunction, settings: GatewaySettings, faults: Faults
    ) -> None:
        self._function = function
        self._settings = settings
        self._faults = faults

    def answer(self, incoming: Incoming) -> Outgoing:
        """The answer, with its stream under way."""
        if len(incoming.path) + len(incoming.query) > self._settings.url_limit:
            return edge_error(414, "the address is longer than this server takes")
        if incoming.method in ("GET", "HEAD") and incoming.body:
            return edge_error(403, f"a {incoming.method} request has no body here")
        faults = self._faults.happening(incoming.method, incoming.path)
        made = _first(faults, "status")
        if made is not None:
            return edge_error(made.status)
        payload = self._payload(incoming, faults)
        if len(payload) > LAMBDA_PAYLOAD:
            return edge_error(413, "Request Too Long")
        return self._invoked(payload, faults)

    def _payload(self, incoming: Incoming, faults: Sequence[Fault]) -> bytes:
        lost = _lost_headers(faults, "drop")
        headers = [pair for pair in incoming.headers if pair[0].lower() not in lost]
        request = EdgeRequest(
            method=incoming.method,
            path=incoming.path,
            query=incoming.query,
            headers=request_headers(headers, incoming.client),
            body=incoming.body,
            client=incoming.client,
        )
        return json.dumps(rest_event(request, self._settings.stage)).encode()

    def _invoked(self, payload: bytes, faults: Sequence[Fault]) -> Outgoing:
        try:
            call, head = self._call(payload)
            if _first(faults, "duplicate") is not None:
                call.leave()
                call, head = self._call(payload)
        except Throttled:
            return edge_error(429)
        except InvocationFailed:
            return edge_error(502)
        except Silence:
            return edge_error(504)
        lost = _first(faults, "lose")
        if lost is not None or not _sound(head):
            call.leave()
            return edge_error(502 if lost is None else lost.status)
        return self._outgoing(call, head, faults)

    def _call(self, payload: bytes) -> tuple[LambdaCall, Head]:
        settings = self._settings
        call = LambdaCall(
            self._function, payload, idle_s=settings.idle_s, total_s=settings.integration_s
        )
        try:
            return call, call.head()
        except Silence:
            call.leave()
            raise

    def _outgoing(self, call: LambdaCall, head: Head, faults: Sequence[Fault]) -> Outgoing:
        settings = self._settings
        pieces = paced(
            call.pieces(), full_speed_bytes=settings.full_speed_bytes, rate=settings.slow_rate
        )
        stripped = _lost_headers(faults, "strip")
        headers = [pair for pair in answer_headers(head.headers) if pair[0].lower() not in stripped]
        stream = _Leaving(call, faulty(pieces, faults, idle_s=settings.idle_s))
        return Outgoing(head.status, headers, stream)


class _Leaving(Iterator[bytes]):
    """The same pieces; when nobody reads on, or nobody ever did, nothing is kept for anybody."""

    def __init__(self, call: LambdaCall, pieces: Iterator[bytes]) -> None:
        self._call = call
        self._pieces = pieces

    def __next__(self) -> bytes:
        return next(self._pieces)

    def close(self) -> None:
        """Nobody reads on."""
        self._call.leave()


def _sound(head: Head) -> bool:
    return 200 <= head.status <= 599 and fit_for_http(head.headers)


def _first(faults: Sequence[Fault], kind: str) -> Fault | None:
    return next((fault for fault in faults if fault.kind == kind), None)


def _lost_headers(faults: Sequence[Fault], kind: str) -> frozenset[str]:
    names = [fault.header_names for fault in faults if fault.kind == kind]
    return frozenset().union(*names)
