"""Requests and streams that the tests of this folder are made of."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from typing import Any

from orchestrator_lambda.backends.interface import ChatMessage, GenerationRequest, Item


def request(*contents: str, **fields: Any) -> GenerationRequest:
    """Roles alternate, a user first."""
    roles = ("user", "assistant")
    messages = [
        ChatMessage(role=roles[at % 2], content=content)
        for at, content in enumerate(contents or ("What is the capital of France?",))
    ]
    given = {"tenant": "t", "model_revision": "r", "conversation_id": "c", "request_id": "q"}
    return GenerationRequest(messages=messages, **{**given, **fields})


def event(content: Any) -> bytes:
    text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
    return f"data: {text}\n\n".encode()


def delta(text: str) -> bytes:
    return event({"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]})


def receipt(text: str, **changes: Any) -> dict[str, Any]:
    return {
        "request_id": "q",
        "finish_reason": "stop",
        "usage": {
            "prompt_tokens": 7,
            "completion_tokens": 3,
            "prompt_tokens_details": {"cached_tokens": 5},
        },
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
        **changes,
    }


def receipt_event(text: str, **changes: Any) -> bytes:
    return event({"choices": [{"delta": {}}], "receipt": receipt(text, **changes)})


DONE = event("[DONE]")
ROLE = event({"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]})


def stream(*texts: str) -> list[bytes]:
    """The events of a whole answer."""
    whole = "".join(texts)
    return [ROLE, *(delta(text) for text in texts), receipt_event(whole), DONE]


def error_event(code: str, **fields: Any) -> bytes:
    kind = fields.pop("type", "server_error")
    return event({"error": {"code": code, "message": "m", "type": kind, **fields}})


class FakeStream:
    """A ByteStream of given pieces; exceptions among them are raised."""

    def __init__(self, pieces: Iterable[bytes | Exception]) -> None:
        self._pieces = pieces
        self.closed = False
        self.interrupted = False

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._pieces:
            if isinstance(piece, Exception):
                raise piece
            yield piece

    def interrupt(self) -> None:
        self.interrupted = True

    def close(self) -> None:
        self.closed = True


def texts(items: Iterable[Item]) -> str:
    return "".join(getattr(item, "text", "") for item in items)
