"""What the caller of a function gets: a whole answer, or status, headers and a stream."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from local.lambda_environment import Environment
from local.lambda_invocation import Begun, Failed, FunctionError, Happening, Invocation, Piece

CONTENT_TYPE = "application/vnd.awslambda.http-integration-response"
DELIMITER = b"\0" * 8
PRELUDE_LIMIT = 16 * 1024


class StreamBroken(Exception):
    """The function failed in the middle of its answer; what came before holds."""

    def __init__(self, error_type: str) -> None:
        super().__init__(error_type)
        self.error_type = error_type


@dataclass(frozen=True)
class StreamedAnswer:
    """An answer under way.

    Attributes:
        headers: names and values, a `Set-Cookie` for each cookie.
        pieces: the payload as it comes; raises StreamBroken. Leaving it unread tells the function
            nothing.
        environment: that answers; None where none did.
    """

    status: int
    headers: list[tuple[str, str]]
    pieces: Iterator[bytes]
    environment: Environment | None = None
    error: Failed | None = None


def read_whole(invocation: Invocation) -> bytes:
    """All bytes of the answer. Raises FunctionError."""
    data = []
    for happening in invocation.happenings():
        if isinstance(happening, Failed):
            raise FunctionError(happening.error_type, happening.message)
        if isinstance(happening, Piece):
            data.append(happening.data)
    return b"".join(data)


def read_streamed(invocation: Invocation, environment: Environment) -> StreamedAnswer:
    """Status and headers of the answer, read, and the rest of it, to be read."""
    happenings = invocation.happenings()
    buffer = b""
    for happening in happenings:
        if isinstance(happening, Failed):
            return _bad_gateway(environment, happening)
        if isinstance(happening, Begun) and happening.content_type != CONTENT_TYPE:
            return _bad_gateway(environment, Failed("Gateway.MalformedResponse", "no prelude"))
        if isinstance(happening, Piece):
            buffer += happening.data
            if DELIMITER in buffer[:PRELUDE_LIMIT]:
                return _after_prelude(buffer, happenings, environment)
            if len(buffer) >= PRELUDE_LIMIT:
                break
    return _bad_gateway(environment, Failed("Gateway.MalformedResponse", "no prelude"))


def _after_prelude(
    buffer: bytes, happenings: Iterator[Happening], environment: Environment
) -> StreamedAnswer:
    prelude, _, first = buffer.partition(DELIMITER)
    try:
        content = json.loads(prelude)
        status, headers = int(content["statusCode"]), _header_pairs(content)
    except (ValueError, KeyError, TypeError, AttributeError):
        return _bad_gateway(environment, Failed("Gateway.MalformedResponse", "bad prelude"))
    return StreamedAnswer(status, headers, _payload(first, happenings), environment)


def _header_pairs(content: dict[str, Any]) -> list[tuple[str, str]]:
    pairs = [(name, str(value)) for name, value in (content.get("headers") or {}).items()]
    several = content.get("multiValueHeaders") or {}
    pairs += [(name, str(value)) for name, values in several.items() for value in values]
    return pairs + [("Set-Cookie", cookie) for cookie in content.get("cookies") or ()]


def _payload(first: bytes, happenings: Iterator[Happening]) -> Iterator[bytes]:
    if first:
        yield first
    for happening in happenings:
        if isinstance(happening, Failed):
            raise StreamBroken(happening.error_type)
        if isinstance(happening, Piece):
            yield happening.data


def _bad_gateway(environment: Environment, error: Failed) -> StreamedAnswer:
    body = b'{"message": "Internal server error"}'
    headers = [("Content-Type", "application/json")]
    return StreamedAnswer(502, headers, iter([body]), environment, error)
