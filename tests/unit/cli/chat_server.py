"""A chat server whose answers are made up, with honest receipts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from typing import Any

from tests.support.scripted_server import Answer, Seen

MODELS = Answer(body=b'{"object": "list", "data": [{"id": "tiny"}]}')


def event(content: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(content, ensure_ascii=False).encode() + b"\n\n"


def delta(text: str) -> bytes:
    return event({"choices": [{"index": 0, "delta": {"content": text}}]})


def receipt_of(text: str, **changes: Any) -> dict[str, Any]:
    receipt = {
        "finish_reason": "stop",
        "usage": {
            "prompt_tokens": 30,
            "completion_tokens": 5,
            "total_tokens": 35,
            "prompt_tokens_details": {"cached_tokens": 24},
        },
        "queue_ms": 0.1,
        "prefill_ms": 20.0,
        "decode_ms": 80.0,
        "ttft_ms": 21.4,
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
        "instance": "i-1",
    }
    return receipt | changes


def whole_answer(*pieces: str, **receipt_changes: Any) -> list[bytes]:
    """The stream of an answer, receipt and all."""
    end = event({"choices": [], "receipt": receipt_of("".join(pieces), **receipt_changes)})
    return [*(delta(piece) for piece in pieces), end, b"data: [DONE]\n\n"]


class ChatServer:
    """A script for ScriptedServer: lists one model, answers each turn with the next stream."""

    def __init__(self, *streams: Iterable[bytes] | Answer) -> None:
        self._streams: Iterator[Iterable[bytes] | Answer] = iter(streams)
        self.asked: list[dict[str, Any]] = []

    def __call__(self, seen: Seen) -> Answer:
        if seen.path == "/v1/models":
            return MODELS
        assert seen.path == "/v1/chat/completions"
        self.asked.append(json.loads(seen.body))
        stream = next(self._streams)
        return stream if isinstance(stream, Answer) else Answer(chunks=stream)

    def histories(self) -> list[list[tuple[str, str]]]:
        """Role and content of the messages of each call."""
        return [[(m["role"], m["content"]) for m in body["messages"]] for body in self.asked]
