"""An answer in the shape of a whole JSON object, and the limits it must keep."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from typing import Any

from orchestrator_lambda.errors import PayloadTooLarge
from orchestrator_lambda.http.message import HttpResponse

LAMBDA_LIMIT = 6 * 1024 * 1024  # bytes of a whole answer
ALB_LIMIT = 1024 * 1024
BODILESS = frozenset({204, 304})

_TEXT_TYPE = re.compile(r"text/|application/(([\w.-]+\+)?json|xml|javascript)\b", re.IGNORECASE)
_FIELD_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_FIELD_TEXT = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


class UnfitHeader(ValueError):
    """A header of an answer that cannot stand in HTTP; names the header, never its value."""


def checked_headers(response: HttpResponse) -> dict[str, str]:
    """The answer's headers.

    Raises:
        UnfitHeader: a name or value holds what would begin another header, or no HTTP text.
    """
    for name, value in [*response.headers.items(), *(("Set-Cookie", c) for c in response.cookies)]:
        if not _FIELD_NAME.fullmatch(name) or not _FIELD_TEXT.fullmatch(value):
            raise UnfitHeader(f"header {name[:40]!r} of an answer holds what no header may")
    return dict(response.headers)


def body_fields(response: HttpResponse) -> dict[str, Any]:
    """`body` and `isBase64Encoded`: text where it is text, base64 for everything else."""
    if response.status in BODILESS:
        return {"body": "", "isBase64Encoded": False}
    data = response.body if isinstance(response.body, bytes) else b"".join(response.body)
    headers = {name.lower(): value for name, value in response.headers.items()}
    if _TEXT_TYPE.match(headers.get("content-type", "")) and "content-encoding" not in headers:
        try:
            return {"body": data.decode(), "isBase64Encoded": False}
        except UnicodeDecodeError:
            pass  # said to be text and is not: it goes as the bytes it is
    return {"body": base64.b64encode(data).decode(), "isBase64Encoded": bool(data)}


def proxy_answer(response: HttpResponse) -> dict[str, Any]:
    """In the shape of payload format 2.0, which function URLs and direct callers get too."""
    answer: dict[str, Any] = {"statusCode": response.status, "headers": checked_headers(response)}
    if response.cookies:
        answer["cookies"] = list(response.cookies)
    return {**answer, **body_fields(response)}


def require_fit(answer: Mapping[str, Any], limit: int) -> None:
    """Check the size of a whole answer as it goes over the wire.

    Raises:
        PayloadTooLarge: it has more bytes than this path carries.
    """
    size = len(json.dumps(answer, ensure_ascii=False).encode("utf-8", "replace"))
    if size > limit:
        raise PayloadTooLarge(
            f"the answer has {size} bytes and this way to the service carries {limit}; "
            "ask for less, or use the streaming way"
        )
