"""The trace that a request belongs to, read from its headers and handed on to the container.

Two notations are kept side by side: W3C's `traceparent` and X-Ray's `X-Amzn-Trace-Id`. Where a
request brings only X-Ray's, the W3C trace gets the same 128 bits, so that both name one trace. The
ids are handed on, so that the container's log lines and ours are found by them. What is recorded of
a trace is in `spans`.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

TRACE_VARIABLE = "_X_AMZN_TRACE_ID"  # where Lambda, the X-Ray SDK and boto3 have the id

_TRACEPARENT = re.compile(r"(?!ff)([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_XRAY_ROOT = re.compile(r"1-([0-9a-f]{8})-([0-9a-f]{24})")
_PRINTABLE = re.compile(r"[\x20-\x7e]*")
MAX_TRACESTATE = 512
MAX_XRAY = 512


@dataclass(frozen=True, kw_only=True)
class TraceContext:
    """One hop of a trace.

    Attributes:
        trace_id: 32 hexadecimal digits, the same on every hop.
        span_id: 16 hexadecimal digits, of this hop: the parent of what is called from here.
        sampled: whether somebody records it.
        state: `tracestate` as it came.
        xray: `X-Amzn-Trace-Id` as Lambda or the caller gave it; empty if neither did.
    """

    trace_id: str
    span_id: str
    sampled: bool
    state: str = ""
    xray: str = ""

    def headers(self) -> dict[str, str]:
        """What to hand on, by names in lower case."""
        headers = {"traceparent": f"00-{self.trace_id}-{self.span_id}-{int(self.sampled):02x}"}
        if self.state:
            headers["tracestate"] = self.state
        if self.xray:
            headers["x-amzn-trace-id"] = self.xray
        return headers


def trace_context(headers: Mapping[str, str], lambda_trace_id: str = "") -> TraceContext:
    """The context of a request; a new trace where it brings none, or one that is malformed.

    Args:
        headers: of the request, by names in any case.
        lambda_trace_id: X-Ray's id of the invocation, which wins over the header's.
    """
    xray = _clean(lambda_trace_id or headers.get("x-amzn-trace-id", ""), MAX_XRAY)
    fields = xray_fields(xray)
    span_id = secrets.token_hex(8)
    parent = _TRACEPARENT.fullmatch(headers.get("traceparent", "").strip())
    if parent and parent[2].strip("0") and parent[3].strip("0") and _version_fits(parent):
        state = _clean(headers.get("tracestate", ""), MAX_TRACESTATE)
        sampled = bool(int(parent[4], 16) & 1)
        return TraceContext(
            trace_id=parent[2], span_id=span_id, sampled=sampled, state=state, xray=xray
        )
    root = _XRAY_ROOT.fullmatch(fields.get("Root", ""))
    trace_id = root[1] + root[2] if root else secrets.token_hex(16)
    sampled = fields.get("Sampled") == "1"
    return TraceContext(trace_id=trace_id, span_id=span_id, sampled=sampled, xray=xray)


def xray_fields(text: str) -> dict[str, str]:
    """The parts of an `X-Amzn-Trace-Id`: Root, Parent, Sampled, whatever of them is there."""
    pairs = (part.strip().partition("=") for part in text.split(";"))
    return {name: value for name, _, value in pairs}


def _version_fits(parent: re.Match[str]) -> bool:
    """Version 00 has four fields; a later one may have more."""
    return parent[1] != "00" or parent[5] is None


def _clean(text: str, limit: int) -> str:
    """Nothing that could not stand in a header."""
    return text if len(text) <= limit and _PRINTABLE.fullmatch(text) else ""
