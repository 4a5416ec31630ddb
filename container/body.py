"""Reading a request's body: bounded in size and in time."""

from __future__ import annotations

from typing import Protocol

from gunicorn.http.errors import ParseException

from container.errors import BodyTimeout, ClientGone, PayloadTooLarge
from serving.errors import InvalidRequest

CHUNK_BYTES = 64 * 1024
MAX_DISCARDED_BYTES = 64 * 1024 * 1024


class ByteSource(Protocol):
    """A body as a WSGI server gives it; it ends by itself after the body's last byte."""

    def read(self, size: int, /) -> bytes:
        """Up to `size` bytes; empty at the end."""


def read_body(source: ByteSource, content_length: int | None, limit: int) -> bytes:
    """The whole body.

    One that is too large is read to its end nevertheless (up to a bound) and dropped: a client
    that is still sending would otherwise see a broken connection instead of the answer.

    Raises:
        PayloadTooLarge: it has more than `limit` bytes.
        InvalidRequest: it ended before its Content-Length, or its framing is broken.
        BodyTimeout: the client stopped sending.
        ClientGone: the connection broke.
    """
    try:
        body, size = _read(source, limit)
    except TimeoutError:
        raise BodyTimeout("the body did not arrive in time") from None
    except ParseException:
        raise InvalidRequest("the body's transfer encoding is broken") from None
    except OSError as error:
        # Gunicorn tells the end of a connection within a body by one without a number.
        if error.errno is None:
            raise InvalidRequest("the body's transfer encoding is broken") from None
        raise ClientGone("the connection broke while the body was read") from None
    if size > limit or (content_length or 0) > limit:
        raise PayloadTooLarge(f"the body has more than {limit} bytes, the most this server takes")
    if content_length is not None and size < content_length:
        raise InvalidRequest(
            f"the body ended after {size} of the {content_length} bytes its Content-Length says"
        )
    return body


def _read(source: ByteSource, limit: int) -> tuple[bytes, int]:
    """The body, and its size; what exceeds `limit` is counted, not kept."""
    kept: list[bytes] = []
    size = 0
    while size < limit + MAX_DISCARDED_BYTES:
        chunk = source.read(CHUNK_BYTES)
        if not chunk:
            break
        size += len(chunk)
        if size <= limit:
            kept.append(chunk)
    return b"".join(kept), size
