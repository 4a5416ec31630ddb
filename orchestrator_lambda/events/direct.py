"""A call of the function itself, by `lambda invoke`, a script or a test.

    {"method": "POST", "path": "/v1/conversations",
     "headers": {"authorization": "Bearer ..."}, "query": {"limit": "5"},
     "body": {"title": "..."}}

`method` and `path` are needed. `query` values are texts or lists of texts; `body` is text, or JSON,
which is sent as such; with `"isBase64Encoded": true` it is base64. The answer has `statusCode`,
`headers`, `cookies` if any, `body` and `isBase64Encoded`. Whoever may invoke the function is no
user by that: a token is needed as everywhere.
"""

from __future__ import annotations

import json
from typing import Any

from orchestrator_lambda.events import paths
from orchestrator_lambda.events.answers import LAMBDA_LIMIT, proxy_answer
from orchestrator_lambda.events.fields import Event, mapping, multi_pairs, single_pairs, text
from orchestrator_lambda.http.message import EventIdentity, HttpResponse
from orchestrator_lambda.http.multimap import Headers, Query


class DirectEvent:
    """One event in the form above."""

    source = "direct"
    limit = LAMBDA_LIMIT

    def __init__(self, event: Event) -> None:
        self._event = event

    def method(self) -> str:
        """The method as it came."""
        return text(self._event.get("method"))

    def path(self) -> str:
        """As it is; what stands behind a question mark belongs to the query."""
        return text(self._event.get("path")).partition("?")[0]

    def query(self) -> Query:
        """Of the path and of `query`."""
        value = self._event.get("query")
        in_path = paths.query_pairs(text(self._event.get("path")).partition("?")[2])
        return Query([*in_path, *single_pairs(value), *multi_pairs(value)])

    def headers(self) -> Headers:
        """As given; JSON says what it is."""
        value = self._event.get("headers")
        headers = Headers([*single_pairs(value), *multi_pairs(value)])
        if isinstance(self._event.get("body"), dict | list) and "content-type" not in headers:
            return Headers([*headers.pairs(), ("content-type", "application/json")])
        return headers

    def identity(self) -> EventIdentity:
        """None: the caller writes the whole event."""
        return EventIdentity()

    def source_ip(self) -> str:
        """Unknown."""
        return ""

    def answer(self, response: HttpResponse) -> dict[str, Any]:
        """Payload format 2.0's shape."""
        return proxy_answer(response)


def with_text_body(event: Event) -> Event:
    """The event, its body as text where it was given as JSON."""
    body = event.get("body")
    if isinstance(body, dict | list):
        return {**mapping(event), "body": json.dumps(body), "isBase64Encoded": False}
    return event
