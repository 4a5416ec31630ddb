"""The orchestrator's application in this process, called as its runtime calls it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestrator_lambda.http.errors import answering_errors, begun
from orchestrator_lambda.http.message import Application, HttpRequest, HttpResponse
from orchestrator_lambda.http.multimap import Headers, Query
from orchestrator_lambda.identity.record import Identity


@dataclass(frozen=True)
class Event:
    """One event of a stream."""

    kind: str
    data: Any
    seq: int = 0


@dataclass
class Answer:
    """An answer; reading `events` drives the stream, and `finish` does what comes after it."""

    request: HttpRequest
    response: HttpResponse
    pings: int = 0
    seen: list[Event] = field(default_factory=list)

    @property
    def status(self) -> int:
        return self.response.status

    def json(self) -> Any:
        assert isinstance(self.response.body, bytes)
        self.finish()
        return json.loads(self.response.body)

    def text(self) -> str:
        """The whole body."""
        body = self.response.body
        whole = body if isinstance(body, bytes) else b"".join(body)
        self.finish()
        return whole.decode()

    def events(self) -> Iterator[Event]:
        """The events as they come; after the last one the invocation's late work is done."""
        body = self.response.body
        pieces = iter([body]) if isinstance(body, bytes) else body
        for piece in pieces:
            for block in piece.decode().split("\n\n"):
                event = _event(block)
                if event is not None:
                    self.seen.append(event)
                    yield event
                elif block:
                    self.pings += 1
        self.finish()

    def all(self) -> list[Event]:
        return list(self.events())

    def finish(self) -> None:
        while self.request.hooks:
            self.request.hooks.pop(0)()

    def abandon(self) -> None:
        """The reader goes; the Lambda, which does not learn of it, goes on by itself."""
        threading.Thread(target=lambda: list(self.events()), daemon=True).start()


class AnyUser:
    """Believes the header `x-user`."""

    def identify(self, request: HttpRequest) -> Identity:
        return Identity(user=request.headers.get("x-user", "ann"))


@dataclass
class Client:
    """A reader of the API.

    Attributes:
        lifetime_ms: how long each invocation may take.
    """

    application: Application
    user: str = "ann"
    lifetime_ms: int = 60_000

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: Mapping[str, str] | None = None,
        lifetime_ms: int | None = None,
    ) -> Answer:
        path, _, query = path.partition("?")
        pairs = [tuple(part.split("=", 1)) for part in query.split("&") if part]
        end = time.monotonic() + (lifetime_ms or self.lifetime_ms) / 1000
        raw = (
            body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        )
        request = HttpRequest(
            method=method,
            path=path,
            query=Query(pairs),  # type: ignore[arg-type]
            headers=Headers({"x-user": self.user, **(headers or {})}),
            body=raw,
            request_id="r-1",
            streaming=True,
            remaining_ms=lambda: max(0, int((end - time.monotonic()) * 1000)),
        )
        return Answer(request, begun(answering_errors(self.application)(request)))

    def json(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        answer = self.call(method, path, body, **more)
        assert answer.status < 300, answer.text()
        return answer.json()

    def new_conversation(self, **fields: Any) -> str:
        return str(self.json("POST", "/v1/conversations", fields)["id"])

    def post(self, conversation_id: str, content: str, **more: Any) -> Answer:
        headers = more.pop("headers", None)
        return self.call(
            "POST",
            f"/v1/conversations/{conversation_id}/messages",
            {"content": content, **more},
            headers=headers,
        )

    def shown(self, conversation_id: str) -> list[dict[str, Any]]:
        """The messages of the shown branch."""
        return list(self.json("GET", f"/v1/conversations/{conversation_id}")["messages"])


def _event(block: str) -> Event | None:
    fields = dict(
        line.split(": ", 1) for line in block.split("\n") if ": " in line and line[0] != ":"
    )
    if "event" not in fields:
        return None
    return Event(fields["event"], json.loads(fields["data"]), int(fields.get("id", 0)))
