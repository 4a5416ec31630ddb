"""An Application Load Balancer with this function as its target: nothing streams, 1 MB each way."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote_plus

from orchestrator_lambda.events import paths
from orchestrator_lambda.events.answers import ALB_LIMIT, body_fields, checked_headers
from orchestrator_lambda.events.fields import Event, either_pairs, text
from orchestrator_lambda.http.message import EventIdentity, HttpResponse
from orchestrator_lambda.http.multimap import Headers, Query

log = logging.getLogger(__name__)


class AlbEvent:
    """One event of a target group; whether headers have several values is the group's setting."""

    source = "alb"
    limit = ALB_LIMIT

    def __init__(self, event: Event) -> None:
        self._event = event
        self._multiple = isinstance(event.get("multiValueHeaders"), dict)

    def method(self) -> str:
        """The method as it came."""
        return text(self._event.get("httpMethod"))

    def path(self) -> str:
        """A load balancer passes it on as it came."""
        return paths.decoded(text(self._event.get("path")) or "/")

    def query(self) -> Query:
        """A load balancer decodes neither names nor values."""
        event = self._event
        raw = either_pairs(
            event.get("multiValueQueryStringParameters"), event.get("queryStringParameters")
        )
        return Query((unquote_plus(name), unquote_plus(value)) for name, value in raw)

    def headers(self) -> Headers:
        """With every value of each, if the target group passes them on."""
        event = self._event
        return Headers(either_pairs(event.get("multiValueHeaders"), event.get("headers")))

    def identity(self) -> EventIdentity:
        """None: headers are all that a load balancer passes on, and anybody writes headers."""
        return EventIdentity()

    def source_ip(self) -> str:
        """The last forwarder: the load balancer wrote it, the ones before are the client's."""
        return self.headers().get("x-forwarded-for", "").rpartition(",")[2].strip()

    def answer(self, response: HttpResponse) -> dict[str, Any]:
        """In the same mode as the event: one value a header, or several."""
        headers = checked_headers(response)
        answer: dict[str, Any] = {
            "statusCode": response.status,
            "statusDescription": _description(response.status),
        }
        if self._multiple:
            several = {name: [value] for name, value in headers.items()}
            if response.cookies:
                several["Set-Cookie"] = list(response.cookies)
            answer["multiValueHeaders"] = several
        else:
            if response.cookies:
                headers["Set-Cookie"] = response.cookies[0]
            if len(response.cookies) > 1:
                log.warning("cookies dropped: the target group passes one value a header")
            answer["headers"] = headers
        return {**answer, **body_fields(response)}


def _description(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return f"{status} Unknown"
