"""What is known of an invocation beside its event."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from orchestrator_lambda.http.message import LAMBDA_LIMIT_MS


@dataclass(frozen=True, kw_only=True)
class Invocation:
    """One invocation of the function.

    Attributes:
        request_id: AWS's name of it.
        remaining_ms: milliseconds until Lambda ends it, never negative.
        trace_id: X-Ray's header value; empty where tracing is off.
    """

    request_id: str = ""
    remaining_ms: Callable[[], int] = lambda: LAMBDA_LIMIT_MS
    trace_id: str = ""


@dataclass(frozen=True, kw_only=True)
class EventSettings:
    """How events are read.

    Attributes:
        streaming: sources whose integration streams: rest, url. An event does not tell.
        base_path: path in front of all routes, taken off.
        max_body_bytes: a longer body is refused.
    """

    streaming: frozenset[str] = frozenset({"rest", "url"})
    base_path: str = ""
    max_body_bytes: int = 4 * 1024 * 1024
