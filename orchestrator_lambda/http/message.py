"""A request, an answer, and the application between them.

The way of one invocation:

    event --events/--> HttpRequest --Application--> HttpResponse --events/, runtime/--> answer
                            |
                            `-- request.after(work): done once the answer has left
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from orchestrator_lambda.errors import InvalidRequest
from orchestrator_lambda.http.multimap import Headers, Query

LAMBDA_LIMIT_MS = 15 * 60 * 1000  # no invocation lives longer

AfterHook = Callable[[], object]  # what it returns is not looked at


def _unlimited() -> int:
    return LAMBDA_LIMIT_MS


@dataclass(frozen=True, kw_only=True)
class EventIdentity:
    """Who API Gateway or Lambda itself says the caller is; clients cannot write here.

    Attributes:
        claims: what an authorizer passed on; trusted only if the settings say so.
        iam: principal of a SigV4 request: user_arn, user_id, account_id, cognito_identity_id,
            cognito_authentication_type; those that are known.
    """

    claims: Mapping[str, Any] = field(default_factory=dict)
    iam: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class HttpRequest:
    """One HTTP request, whichever way it came.

    Attributes:
        method: in capitals.
        path: decoded once, without stage or base path; begins with a slash.
        source: name of the kind of event: rest, http, url, alb or direct.
        source_ip: the client's address as the nearest AWS service saw it; empty if unknown.
        request_id: names this invocation in logs and answers.
        trace: headers to hand on: traceparent, tracestate, x-amzn-trace-id; those that are known.
        remaining_ms: how long this invocation may still take.
        streaming: whether the answer's pieces reach the client as they are made.
    """

    method: str
    path: str
    query: Query = field(default_factory=Query)
    headers: Headers = field(default_factory=Headers)
    body: bytes = field(default=b"", repr=False)
    source: str = "direct"
    identity: EventIdentity = field(default_factory=EventIdentity, repr=False)
    source_ip: str = ""
    request_id: str = ""
    trace: Mapping[str, str] = field(default_factory=dict)
    remaining_ms: Callable[[], int] = field(default=_unlimited, repr=False)
    streaming: bool = False
    hooks: list[AfterHook] = field(default_factory=list, repr=False)

    def after(self, work: AfterHook) -> None:
        """Do `work` after the end of the answer and before the next invocation, in this order.

        It may not raise; what it raises is logged and keeps no other work from being done.
        Work that is added by such work is done too.
        """
        self.hooks.append(work)

    def json(self) -> Any:
        """The body as JSON.

        Raises:
            InvalidRequest: there is no body, or it is not JSON in UTF-8.
        """
        if not self.body:
            raise InvalidRequest("the request has no body; send JSON")
        try:
            return json.loads(self.body.decode())
        except (ValueError, RecursionError):
            raise InvalidRequest("the body is not JSON in UTF-8") from None


@dataclass(frozen=True, kw_only=True)
class HttpResponse:
    """One answer.

    Attributes:
        cookies: whole `Set-Cookie` values.
        body: bytes, or their pieces as they are made. The first piece is asked for before status
            and headers leave: an error until then becomes a proper answer, one after it breaks
            the answer off. Every piece is asked for, even when the reader has gone.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    cookies: Sequence[str] = ()
    body: bytes | Iterator[bytes] = field(default=b"", repr=False)


Application = Callable[[HttpRequest], HttpResponse]


def json_response(
    content: Any, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> HttpResponse:
    """An answer of JSON that no cache keeps.

    Unpaired surrogates, which only a quoted request can bring, become question marks.
    """
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    return HttpResponse(
        status=status,
        headers={
            "Content-Type": "application/json",
            "Cache-Control": "no-store",
            **(headers or {}),
        },
        body=text.encode("utf-8", "replace"),
    )
