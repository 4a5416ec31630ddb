"""A function behind the gateway whose answers a test writes down beforehand."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from local.gateway.server import Gateway
from local.lambda_answer import StreamedAnswer

Pieces = Callable[[], Iterator[bytes]]


@dataclass
class FakeFunction:
    """Answers each event the same way; `events` holds what it was asked."""

    status: int = 200
    headers: list[tuple[str, str]] = field(default_factory=lambda: [("Content-Type", "text/plain")])
    pieces: Pieces = lambda: iter([b"one ", b"two"])
    failure: Exception | None = None
    events: list[dict[str, Any]] = field(default_factory=list)

    def invoke_streaming(self, event: object) -> StreamedAnswer:
        assert isinstance(event, bytes)
        self.events.append(json.loads(event))
        if self.failure is not None:
            raise self.failure
        return StreamedAnswer(self.status, list(self.headers), self.pieces())


@dataclass
class Answered:
    """A whole answer as it came over the wire."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def call(
    gateway: Gateway,
    method: str,
    path: str,
    body: bytes | str | None = None,
    headers: dict[str, str] | None = None,
) -> Answered:
    """One request on a connection of its own; header names of the answer in lower case."""
    connection = http.client.HTTPConnection("127.0.0.1", gateway.server_address[1], timeout=10)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        named = {name.lower(): value for name, value in answer.getheaders()}
        return Answered(answer.status, named, answer.read())
    finally:
        connection.close()
