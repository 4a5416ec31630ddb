"""AWS event-stream framing: how the SageMaker runtime wraps a streamed answer.

    +--------------+----------------+-------------+---------+---------+-------------+
    | total length | headers length | prelude CRC | headers | payload | message CRC |
    | 4 bytes      | 4 bytes        | 4 bytes     |         |         | 4 bytes     |
    +--------------+----------------+-------------+---------+---------+-------------+

Integers are big-endian; the prelude CRC covers the first 8 bytes, the message CRC all before it.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from zlib import crc32

CONTENT_TYPE = "application/vnd.amazon.eventstream"

_PRELUDE = struct.Struct("!II")
_CRC = struct.Struct("!I")
_STRING_VALUE = 7  # the framing's tag for a header value that is a string
_OVERHEAD = _PRELUDE.size + 2 * _CRC.size


def encode_message(headers: Mapping[str, str], payload: bytes) -> bytes:
    """One framed message with string headers."""
    encoded = b"".join(_encode_header(name, value) for name, value in headers.items())
    prelude = _PRELUDE.pack(_OVERHEAD + len(encoded) + len(payload), len(encoded))
    message = prelude + _CRC.pack(crc32(prelude)) + encoded + payload
    return message + _CRC.pack(crc32(message))


def payload_part(data: bytes) -> bytes:
    """A piece of the answer, as the client's `PayloadPart` event."""
    headers = {
        ":event-type": "PayloadPart",
        ":content-type": "application/octet-stream",
        ":message-type": "event",
    }
    return encode_message(headers, data)


def stream_exception(exception_type: str, message: str, error_code: str | None = None) -> bytes:
    """The event that ends a stream with an error, such as `ModelStreamError`."""
    body = {"Message": message}
    if error_code is not None:
        body["ErrorCode"] = error_code
    headers = {
        ":exception-type": exception_type,
        ":content-type": "application/json",
        ":message-type": "exception",
    }
    return encode_message(headers, json.dumps(body).encode())


def _encode_header(name: str, value: str) -> bytes:
    raw_name, raw_value = name.encode(), value.encode()
    return (
        struct.pack("!B", len(raw_name))
        + raw_name
        + struct.pack("!BH", _STRING_VALUE, len(raw_value))
        + raw_value
    )
