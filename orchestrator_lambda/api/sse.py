"""Events on the wire: text/event-stream."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from typing import Any

from orchestrator_lambda.errors import OrchestratorError
from orchestrator_lambda.http.errors import error_content
from orchestrator_lambda.http.message import HttpResponse
from orchestrator_lambda.sessions.interface import StreamEvent

PING = b": ping\n\n"
HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-cache, no-transform",
    "X-Accel-Buffering": "no",
}


def event_bytes(kind: str, data: Mapping[str, Any], seq: int = 0) -> bytes:
    """One event. `seq` becomes its id; 0 stands for none, which keeps the reader's last one.

    JSON holds no line break, so that one `data:` line carries it.
    """
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    name = f"id: {seq}\n" if seq else ""
    return f"{name}event: {kind}\ndata: {text}\n\n".encode("utf-8", "replace")


def stream_response(
    events: Iterator[StreamEvent | None],
    first: Mapping[str, Any],
    *,
    ping_s: float,
    request_id: str = "",
) -> HttpResponse:
    """An answer that streams: `turn` and a ping at once, then the events as they come.

    Args:
        events: None where there was nothing to tell; a ping goes out if that lasts for `ping_s`.
        first: content of `turn`.
        ping_s: seconds of silence, at most.
        request_id: named in the event that tells of a failure.
    """
    return HttpResponse(headers=HEADERS, body=_pieces(events, first, ping_s, request_id))


def _pieces(
    events: Iterator[StreamEvent | None],
    first: Mapping[str, Any],
    ping_s: float,
    request_id: str,
) -> Iterator[bytes]:
    yield event_bytes("turn", first) + PING
    last = time.monotonic()
    try:
        for event in events:
            if event is not None:
                yield event_bytes(event.kind, event.data, event.seq)
            elif time.monotonic() - last < ping_s:
                continue
            else:
                yield PING
            last = time.monotonic()
    except OrchestratorError as error:
        yield event_bytes("error", error_content(error, request_id))
