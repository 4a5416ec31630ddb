"""A reader who talks, loses the connection, comes back, and remembers what it was told."""

from __future__ import annotations

import json
import random
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from local.lambda_answer import StreamBroken
from local.lambda_function import LambdaFunction, Throttled
from tests.events.load import load_event

PATIENCE_S = 60.0
TERMINAL = ("done", "stopped", "error")


class GaveUp(Exception):
    """A turn did not come to an end within the reader's patience."""


@dataclass
class Told:
    """What the service has acknowledged of one turn.

    Attributes:
        question: unique in the whole soak.
        answer: as shown at the end; None where the end was not told to this reader.
    """

    question: str
    answer_seq: int | None = None
    answer: str | None = None
    status: str | None = None


@dataclass
class Reader:
    """One conversation's reader.

    Attributes:
        told: by question, what was acknowledged: the question itself once `answer_seq` is known.
    """

    function: LambdaFunction
    user: str
    random: random.Random
    conversation: str = ""
    told: list[Told] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

    def talk(self, turns: int) -> None:
        """Hold a conversation."""
        key = uuid.UUID(int=self.random.getrandbits(128)).hex
        self.conversation = self._persist("POST", "/v1/conversations", {}, key)["id"]
        for number in range(turns):
            self._turn(f"{self.user} asks number {number}")

    def _turn(self, question: str) -> None:
        told = Told(question)
        self.told.append(told)
        key = uuid.UUID(int=self.random.getrandbits(128)).hex
        deadline = time.monotonic() + PATIENCE_S
        path = f"/v1/conversations/{self.conversation}/messages"
        shown, last = "", 0
        while told.status is None:
            if time.monotonic() > deadline:
                raise GaveUp(f"{self.conversation}: {question}")
            if told.answer_seq is None:
                events = self._stream("POST", path, {"content": question}, key, None)
            else:
                follow = f"{path}/{told.answer_seq}/stream"
                events = self._stream("GET", follow, None, None, last)
            shown, last = self._read(events, told, shown, last)
            if told.status is None:
                time.sleep(self.random.uniform(0.02, 0.2))
        if told.answer is not None and shown != told.answer:
            raise AssertionError(f"{question}: shown {shown!r}, told {told.answer!r}")

    def _read(
        self, events: Iterator[tuple[str, int, Any]], told: Told, shown: str, last: int
    ) -> tuple[str, int]:
        leave_after = self.random.randrange(1, 12) if self.random.random() < 0.2 else None
        for count, (kind, seq, data) in enumerate(events):
            last = seq or last
            if kind == "turn":
                told.answer_seq = data["answer"]["seq"]
            elif kind == "delta":
                shown += data["text"]
            elif kind == "reset":
                shown = data["text"]
                self._count("resets")
            elif kind in TERMINAL and "answer" in data:
                told.answer, told.status = data["answer"]["content"], kind
                self._count(kind)
            if leave_after is not None and count >= leave_after:
                self._count("left in mid-answer")
                break
        return shown, last

    def _stream(
        self, method: str, path: str, body: Any, key: str | None, last: int | None
    ) -> Iterator[tuple[str, int, Any]]:
        """Events of one request; fewer where something breaks. Never raises."""
        headers = {"x-keepwarm-user": self.user, "Content-Type": "application/json"}
        if key:
            headers["Idempotency-Key"] = key
        if last:
            headers["Last-Event-ID"] = str(last)
        try:
            answer = self.function.invoke_streaming(_event(method, path, body, headers))
        except Throttled:
            self._count("throttled by Lambda")
            time.sleep(0.2)
            return
        if answer.status != 200:
            self._refused(answer.status, b"".join(answer.pieces))
            return
        buffer = b""
        try:
            for piece in answer.pieces:
                buffer += piece
                *blocks, buffer = buffer.split(b"\n\n")
                yield from (event for block in blocks if (event := _parsed(block)))
        except StreamBroken:
            self._count("streams broken")

    def _refused(self, status: int, data: bytes) -> None:
        try:
            error = json.loads(data)["error"]
        except (ValueError, KeyError):
            error = {"code": f"gateway {status}"}
        self._count(f"refused: {error['code']}")
        time.sleep(min(1.0, (error.get("retry_after_ms") or 50) / 1000))

    def _persist(self, method: str, path: str, body: Any, key: str) -> Any:
        """A request that is repeated until it is done."""
        deadline = time.monotonic() + PATIENCE_S
        headers = {
            "x-keepwarm-user": self.user,
            "Content-Type": "application/json",
            "Idempotency-Key": key,
        }
        while time.monotonic() < deadline:
            try:
                answer = self.function.invoke_streaming(_event(method, path, body, headers))
                data = b"".join(answer.pieces)
                if answer.status < 300:
                    return json.loads(data)
                self._refused(answer.status, data)
            except (StreamBroken, Throttled):
                time.sleep(0.2)
        raise GaveUp(f"{method} {path}")

    def _count(self, name: str) -> None:
        self.counts[name] = self.counts.get(name, 0) + 1


def _event(method: str, path: str, body: Any, headers: dict[str, str]) -> dict[str, Any]:
    return load_event(
        "rest",
        httpMethod=method,
        path=path,
        headers=headers,
        multiValueHeaders={name: [value] for name, value in headers.items()},
        queryStringParameters=None,
        multiValueQueryStringParameters=None,
        body=None if body is None else json.dumps(body),
        isBase64Encoded=False,
    )


def _parsed(block: bytes) -> tuple[str, int, Any] | None:
    lines = [line for line in block.decode().split("\n") if line and not line.startswith(":")]
    fields = dict(line.split(": ", 1) for line in lines)
    if "event" not in fields:
        return None
    return fields["event"], int(fields.get("id", 0)), json.loads(fields["data"])
