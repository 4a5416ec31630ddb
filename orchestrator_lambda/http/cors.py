"""Which pages of other origins a browser lets read our answers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from orchestrator_lambda.http.message import Application, HttpRequest, HttpResponse

ANY_ORIGIN = "*"
METHODS = "GET, POST, PUT, PATCH, DELETE, OPTIONS"
REQUEST_HEADERS = (
    "Authorization, Content-Type, Idempotency-Key, Last-Event-ID, Traceparent, Tracestate, "
    "X-Conversation-Id"
)
EXPOSED_HEADERS = "Retry-After, X-Request-Id"
MAX_AGE_S = 600

_ORIGIN = re.compile(r"https?://[A-Za-z0-9.-]+(:\d{1,5})?|https?://\[[0-9A-Fa-f:]+\](:\d{1,5})?")


@dataclass(frozen=True, kw_only=True)
class CorsPolicy:
    """The allow-list. Empty: no page of another origin may read anything.

    Attributes:
        origins: whole origins such as https://chat.example.com, or the one entry `*`.
        credentials: whether cookies go along; with `*` they never may, as that would let every
            page act for the user.

    Raises:
        ValueError: an entry is no origin, or credentials are wanted with `*`.
    """

    origins: frozenset[str] = frozenset()
    credentials: bool = False

    def __post_init__(self) -> None:
        for origin in self.origins - {ANY_ORIGIN}:
            if not _ORIGIN.fullmatch(origin):
                raise ValueError(
                    f"{origin!r} is no origin; write scheme and host, such as https://example.com"
                )
        if self.credentials and ANY_ORIGIN in self.origins:
            raise ValueError("credentials need a list of origins; '*' would let every page in")

    def allows(self, origin: str) -> bool:
        """Whether a page of `origin` may read answers; scheme, host and port all count."""
        return ANY_ORIGIN in self.origins or origin.lower() in self._lowered()

    def headers_for(self, origin: str) -> Mapping[str, str]:
        """What an answer to a page of `origin` says; `Vary` is there for every origin."""
        vary = {} if ANY_ORIGIN in self.origins else {"Vary": "Origin"}
        if not origin or not self.allows(origin):
            return vary
        headers = {
            "Access-Control-Allow-Origin": ANY_ORIGIN if ANY_ORIGIN in self.origins else origin,
            "Access-Control-Expose-Headers": EXPOSED_HEADERS,
            **vary,
        }
        if self.credentials:
            headers["Access-Control-Allow-Credentials"] = "true"
        return headers

    def _lowered(self) -> frozenset[str]:
        return frozenset(origin.lower() for origin in self.origins)


def with_cors(application: Application, policy: CorsPolicy) -> Application:
    """`application` with preflights answered before it and CORS headers on all of its answers."""

    def answer(request: HttpRequest) -> HttpResponse:
        origin = request.headers.get("origin", "")
        headers = policy.headers_for(origin)
        if is_preflight(request):
            return _preflight(headers)
        response = application(request)
        return replace(response, headers=_merged(response.headers, headers))

    return answer


def is_preflight(request: HttpRequest) -> bool:
    """Whether a browser only asks if it may ask."""
    return (
        request.method == "OPTIONS"
        and "origin" in request.headers
        and "access-control-request-method" in request.headers
    )


def _preflight(headers: Mapping[str, str]) -> HttpResponse:
    """204 for all; what the browser goes by is whether the headers are there."""
    if "Access-Control-Allow-Origin" not in headers:
        return HttpResponse(status=204, headers=headers)
    allowed = {
        "Access-Control-Allow-Methods": METHODS,
        "Access-Control-Allow-Headers": REQUEST_HEADERS,
        "Access-Control-Max-Age": str(MAX_AGE_S),
    }
    return HttpResponse(status=204, headers={**headers, **allowed})


def _merged(own: Mapping[str, str], cors: Mapping[str, str]) -> Mapping[str, str]:
    """Both sets of headers; what the answer varies by already stays beside `Origin`."""
    merged = {**own, **{name: value for name, value in cors.items() if name != "Vary"}}
    if "Vary" in cors:
        name = next((name for name in own if name.lower() == "vary"), "Vary")
        merged[name] = f"{own[name]}, {cors['Vary']}" if name in own else cors["Vary"]
    return merged
