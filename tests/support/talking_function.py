"""The orchestrator as Lambda environments of its own, and a reader that keeps what it was told."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local.lambda_answer import StreamBroken, StreamedAnswer
from local.lambda_environment import FunctionSettings
from local.lambda_function import LambdaFunction
from tests.events.load import load_event

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Event:
    """One event of a stream; `seq` is 0 where it has no id."""

    kind: str
    data: Any
    seq: int = 0


@dataclass
class Shown:
    """What a reader has on the screen."""

    text: str = ""
    last: int = 0
    ids: list[int] = field(default_factory=list)
    end: Event | None = None

    def take(self, event: Event) -> None:
        """Do as the guide tells readers to."""
        if event.kind == "delta":
            self.text += event.data["text"]
        elif event.kind == "reset":
            self.text = event.data["text"]
        elif event.kind in ("done", "stopped", "error"):
            self.end = event
        if event.seq:
            self.last = event.seq
            self.ids.append(event.seq)


class Caller:
    """Calls the function as API Gateway does."""

    def __init__(self, function: LambdaFunction, user: str = "ann") -> None:
        self.function = function
        self.user = user

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> StreamedAnswer:
        """Status and headers; the rest is to be read."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {"Content-Type": "application/json", "x-keepwarm-user": self.user, **named}
        event = load_event(
            "rest",
            httpMethod=method,
            path=path,
            headers=sent,
            multiValueHeaders={name: [value] for name, value in sent.items()},
            queryStringParameters=None,
            multiValueQueryStringParameters=None,
            body=None if body is None else json.dumps(body),
        )
        return self.function.invoke_streaming(event)

    def json(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """A whole answer."""
        answer = self.call(method, path, body, **headers)
        data = b"".join(answer.pieces)
        assert answer.status < 300, data
        return json.loads(data) if data else None

    def follow(self, talk: str, seq: int, shown: Shown, *, patience_s: float = 30.0) -> Shown:
        """Read an answer to its end, coming back as often as the stream breaks."""
        deadline = time.monotonic() + patience_s
        path = f"/v1/conversations/{talk}/messages/{seq}/stream"
        while shown.end is None:
            assert time.monotonic() < deadline, f"no end of {shown.text!r}"
            headers = {"Last_Event_ID": str(shown.last)} if shown.last else {}
            for event in events(self.call("GET", path, **headers)):
                shown.take(event)
        return shown


def events(answer: StreamedAnswer) -> Iterator[Event]:
    """The events of a stream as far as it comes."""
    buffer = b""
    try:
        for piece in answer.pieces:
            buffer += piece
            *blocks, buffer = buffer.split(b"\n\n")
            yield from (event for block in blocks if (event := _event(block.decode())))
    except StreamBroken:
        return


@contextmanager
def talking_function(
    env: Mapping[str, str], log: Path, *, timeout_s: float = 60.0, traced: bool = False
) -> Iterator[LambdaFunction]:
    """Environments of the orchestrator while the block runs."""
    settings = FunctionSettings(
        handler="orchestrator_lambda.handler.handler",
        root=ROOT,
        env=env,
        timeout_s=timeout_s,
        log=log,
        traced=traced,
    )
    with LambdaFunction(settings) as function:
        yield function


def _event(block: str) -> Event | None:
    lines = [line for line in block.split("\n") if line and not line.startswith(":")]
    fields = dict(line.split(": ", 1) for line in lines)
    if "event" not in fields:
        return None
    return Event(fields["event"], json.loads(fields["data"]), int(fields.get("id", 0)))
