"""What stands before the Lambda does to headers, on the way in and on the way out.

client --> CloudFront --> load balancer --> REST API --> Lambda
           Via, X-Amz-Cf-Id   X-Forwarded-*, trace   Host of the API
client <-- Via, X-Cache <-------------------- x-amzn-RequestId, Remapped-... <--
"""

from __future__ import annotations

import secrets
import time
import uuid
from collections.abc import Iterable, Sequence
from email.utils import formatdate

Pairs = Sequence[tuple[str, str]]

API_ID = "local0api0"
API_HOST = f"{API_ID}.execute-api.us-east-1.amazonaws.com"
CLOUDFRONT_HOST = "d000000local.cloudfront.net"
EDGE_ADDRESS = "10.0.0.10"

_HOP_BY_HOP = frozenset(
    {
        "connection",
        "expect",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
_SET_ON_THE_WAY = frozenset(
    {"host", "via", "x-amz-cf-id", "x-forwarded-port", "x-forwarded-proto", "x-real-ip"}
)
_REMAPPED = frozenset(
    {
        "authorization",
        "content-md5",
        "date",
        "expect",
        "host",
        "max-forwards",
        "pragma",
        "proxy-authenticate",
        "referer",
        "server",
        "user-agent",
        "warning",
        "www-authenticate",
    }
)
_REWRITTEN = frozenset({"content-length", "via", "x-amz-cf-id", "x-amz-cf-pop", "x-cache"})


def request_headers(pairs: Pairs, client: str, host: str = API_HOST) -> list[tuple[str, str]]:
    """What of a request's headers reaches the function, and what is added on the way."""
    dropped = _HOP_BY_HOP | _SET_ON_THE_WAY | _named_by_connection(pairs)
    given = [(name, value) for name, value in pairs if name.lower() not in dropped]
    kept = [pair for pair in given if pair[0].lower() not in ("x-forwarded-for", "x-amzn-trace-id")]
    route = [value for name, value in given if name.lower() == "x-forwarded-for"]
    traces = [value for name, value in given if name.lower() == "x-amzn-trace-id"]
    return [
        *kept,
        ("Host", host),
        ("Via", f"1.1 {secrets.token_hex(16)}.cloudfront.net (CloudFront)"),
        ("X-Amz-Cf-Id", secrets.token_urlsafe(40)),
        ("X-Amzn-Trace-Id", _trace(traces)),
        ("X-Forwarded-For", ", ".join([*route, client, EDGE_ADDRESS])),
        ("X-Forwarded-Port", "443"),
        ("X-Forwarded-Proto", "https"),
    ]


def answer_headers(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """What of an answer's headers reaches the client.

    Names that the API keeps to itself come out under another one, as API Gateway does it.
    """
    pairs = list(pairs)
    dropped = _HOP_BY_HOP | _REWRITTEN | _named_by_connection(pairs)
    kept = [
        (f"x-amzn-Remapped-{name}" if name.lower() in _REMAPPED else name, value)
        for name, value in pairs
        if name.lower() not in dropped
    ]
    return [*kept, *added_to_answers()]


def added_to_answers() -> list[tuple[str, str]]:
    """What API Gateway and CloudFront put on each answer."""
    return [
        ("x-amzn-RequestId", str(uuid.uuid4())),
        ("x-amz-apigw-id", secrets.token_urlsafe(11) + "="),
        ("Date", formatdate(usegmt=True)),
        ("X-Cache", "Miss from cloudfront"),
        ("Via", f"1.1 {secrets.token_hex(16)}.cloudfront.net (CloudFront)"),
        ("X-Amz-Cf-Pop", "LOCAL1-P1"),
        ("X-Amz-Cf-Id", secrets.token_urlsafe(40)),
    ]


def fit_for_http(pairs: Iterable[tuple[str, str]]) -> bool:
    """Whether no name or value would begin another header."""
    return all(
        name and name.isascii() and not set(name) & set(" \t\r\n:\0") and _fit_value(value)
        for name, value in pairs
    )


def _fit_value(value: str) -> bool:
    return not set(value) & set("\r\n\0") and all(ord(letter) < 256 for letter in value)


def _named_by_connection(pairs: Iterable[tuple[str, str]]) -> frozenset[str]:
    """Headers that a `Connection` header declares to be of this hop alone."""
    values = [value for name, value in pairs if name.lower() == "connection"]
    return frozenset(word.strip().lower() for value in values for word in value.split(","))


def _trace(given: Sequence[str]) -> str:
    """The load balancer's trace id; one that came along is gone on with."""
    own = f"1-{int(time.time()):08x}-{secrets.token_hex(12)}"
    return f"Self={own};{given[0]}" if given else f"Root={own}"
