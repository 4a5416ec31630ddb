"""Which kind of event this is. Nothing else in the package looks at events of unknown kind."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Protocol

from orchestrator_lambda.events.alb import AlbEvent
from orchestrator_lambda.events.direct import DirectEvent, with_text_body
from orchestrator_lambda.events.fields import Event, mapping, text
from orchestrator_lambda.events.http_api import HttpApiEvent
from orchestrator_lambda.events.rest import RestEvent
from orchestrator_lambda.http.message import EventIdentity, HttpResponse
from orchestrator_lambda.http.multimap import Headers, Query

SCHEDULERS = ("aws.events", "aws.scheduler")
TABLE_STREAM = "aws:dynamodb"


class HttpEvent(Protocol):
    """An event that carries one HTTP request."""

    @property
    def source(self) -> str:
        """rest, http, url, alb or direct."""

    @property
    def limit(self) -> int:
        """Bytes that a whole answer may have."""

    def method(self) -> str:
        """The method as it came; empty if there is none."""

    def path(self) -> str:
        """Decoded once, without stage and base path of the API."""

    def query(self) -> Query:
        """Decoded parameters. Raises InvalidRequest."""

    def headers(self) -> Headers:
        """All headers, cookies among them."""

    def identity(self) -> EventIdentity:
        """What AWS itself says of the caller."""

    def source_ip(self) -> str:
        """The client's address; empty if unknown."""

    def answer(self, response: HttpResponse) -> dict[str, Any]:
        """A whole answer, body read to its end, in the shape this kind of event wants."""


class OtherEvent(StrEnum):
    """Events that carry no HTTP request."""

    PING = "ping"
    SCHEDULED = "scheduled"
    UNKNOWN = "unknown"


def classify(event: object) -> tuple[Event, HttpEvent] | OtherEvent:
    """The kind of an event; for HTTP, the event whose `body` is text, and its reader."""
    if not isinstance(event, dict):
        return OtherEvent.UNKNOWN
    context = mapping(event.get("requestContext"))
    if "elb" in context:
        return event, AlbEvent(event)
    if isinstance(context.get("http"), dict):
        return event, HttpApiEvent(event)
    if isinstance(event.get("httpMethod"), str):
        return event, RestEvent(event)
    if isinstance(event.get("method"), str) and isinstance(event.get("path"), str):
        return with_text_body(event), DirectEvent(event)
    return _other(event)


def _other(event: Event) -> OtherEvent:
    source = text(event.get("source"))
    if event.get("warmer") or event.get("ping") or source == "serverless-plugin-warmup":
        return OtherEvent.PING
    if source in SCHEDULERS or event.get("detail-type") == "Scheduled Event":
        return OtherEvent.SCHEDULED
    if _from_the_table(event.get("Records")):
        return OtherEvent.SCHEDULED
    return OtherEvent.UNKNOWN


def _from_the_table(records: object) -> bool:
    """Whether the table's stream wakes the sweeper; which items changed is of no interest."""
    return isinstance(records, list) and any(
        text(mapping(record).get("eventSource")) == TABLE_STREAM for record in records
    )


def other_answer(kind: OtherEvent) -> dict[str, Any]:
    """What an event without a request is answered with."""
    if kind is OtherEvent.UNKNOWN:
        return {
            "ok": False,
            "kind": kind.value,
            "message": "the event is of no known kind; send an HTTP event, or method and path",
        }
    return {"ok": True, "kind": kind.value}
