"""Reading an event whose fields may be absent, null or of another type than they should be."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from orchestrator_lambda.errors import InvalidRequest, PayloadTooLarge

Event = Mapping[str, Any]
Pairs = list[tuple[str, str]]


def mapping(value: object) -> Mapping[str, Any]:
    """`value` if it is an object, an empty one if not."""
    return value if isinstance(value, Mapping) else {}


def text(value: object) -> str:
    """`value` if it is text, none if not."""
    return value if isinstance(value, str) else ""


def single_pairs(value: object) -> Pairs:
    """Names and values of an object of texts; entries of another type are left out."""
    return [(name, item) for name, item in mapping(value).items() if isinstance(item, str)]


def multi_pairs(value: object) -> Pairs:
    """Names and values of an object of lists of texts."""
    return [
        (name, item)
        for name, items in mapping(value).items()
        if isinstance(items, list)
        for item in items
        if isinstance(item, str)
    ]


def either_pairs(multiple: object, single: object) -> Pairs:
    """All values of each name, from the multi-value object where it has any."""
    return multi_pairs(multiple) or single_pairs(single)


def body_bytes(event: Event, limit: int) -> bytes:
    """The body, decoded from base64 if the event says so; empty if there is none.

    Raises:
        InvalidRequest: it is not what the event says.
        PayloadTooLarge: it is longer than `limit`.
    """
    raw = event.get("body")
    if raw is None or raw == "":
        return b""
    if not isinstance(raw, str):
        raise InvalidRequest("the event's body must be text", param="body")
    # Unpaired surrogates stay what they are: no UTF-8, which whoever reads the body refuses.
    data = raw.encode("utf-8", "surrogatepass")
    if event.get("isBase64Encoded") is True:
        data = _from_base64(data)
    if len(data) > limit:
        raise PayloadTooLarge(f"the body has {len(data)} bytes; the limit is {limit}", param="body")
    return data


def _from_base64(data: bytes) -> bytes:
    try:
        return base64.b64decode(data, validate=True)
    except binascii.Error:
        raise InvalidRequest("the event's body is not base64, though it says so") from None
