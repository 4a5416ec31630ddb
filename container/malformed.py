"""The answer to what is no HTTP request: gunicorn refuses it before any route is chosen."""

from __future__ import annotations

import re
from http import HTTPStatus

from gunicorn.http import errors

from container.protocols.errors import WireError

STATUSES = {
    errors.ExpectationFailed: HTTPStatus.EXPECTATION_FAILED,
    errors.LimitRequestHeaders: HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    errors.LimitRequestLine: HTTPStatus.REQUEST_URI_TOO_LONG,
    errors.UnsupportedTransferCoding: HTTPStatus.NOT_IMPLEMENTED,
}
MAX_QUOTED = 120


def answer_to_malformed(error: errors.ParseException) -> bytes:
    """Head and body of the answer, in the one shape of errors; the connection ends with it."""
    status = STATUSES.get(type(error), HTTPStatus.BAD_REQUEST)
    told = WireError(
        status=status,
        code=re.sub(r"[^a-z]+", "_", status.phrase.lower()),
        message=f"this is no valid HTTP request: {str(error)[:MAX_QUOTED]}",
    )
    body = told.body()
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\nConnection: close\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
