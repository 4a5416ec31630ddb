"""Which trace a request belongs to, by W3C's `traceparent`, so that its log line is found by it.

A load balancer lets the header through. SageMaker strips it: there it comes as JSON in the custom
attributes, among whatever else a caller has written into them.
"""

from __future__ import annotations

import re

import msgspec
from werkzeug.datastructures import Headers

HEADER = "traceparent"
ATTRIBUTES_HEADER = "X-Amzn-SageMaker-Custom-Attributes"
MAX_ATTRIBUTES = 1024  # as long as SageMaker lets them be

_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?")


def trace_id_of(headers: Headers) -> str | None:
    """The trace's 32 hexadecimal digits; None where the request names none, or no valid one."""
    parent = headers.get(HEADER) or _in_attributes(headers.get(ATTRIBUTES_HEADER, ""))
    match = _TRACEPARENT.fullmatch(parent.strip())
    if match is None or not match[1].strip("0") or not match[2].strip("0"):
        return None
    later_version = not parent.strip().startswith("00")
    return match[1] if match[3] is None or later_version else None


def _in_attributes(text: str) -> str:
    """The `traceparent` in custom attributes; empty where they are not ours."""
    if HEADER not in text or len(text) > MAX_ATTRIBUTES:
        return ""
    try:
        content = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return ""
    parent = content.get(HEADER) if isinstance(content, dict) else None
    return parent if isinstance(parent, str) else ""
