"""An endpoint whose answers a test scripts: no server, no network."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from typing import Any

from pipelines.target.interface import Body, Pieces

Event = dict[str, Any]


class ScriptedTarget:
    """Answers whole requests by `answer` and streams by `stream`; either may raise."""

    name = "scripted"

    def __init__(
        self,
        answer: Callable[[Body], dict[str, Any]] = lambda body: {},
        stream: Callable[[Body], Iterable[bytes]] = lambda body: (),
    ) -> None:
        self._answer = answer
        self._stream = stream
        self.asked: list[Body] = []

    def invoke(self, body: Body) -> dict[str, Any]:
        self.asked.append(body)
        return self._answer(body)

    def stream(self, body: Body) -> Pieces:
        self.asked.append(body)
        yield from self._stream(body)


def chat_answer(text: str, finish_reason: str = "stop") -> dict[str, Any]:
    """A whole chat completion."""
    message = {"role": "assistant", "content": text}
    return {"choices": [{"message": message, "finish_reason": finish_reason}]}


def event(content: Event | str) -> bytes:
    """One event of a stream."""
    text = content if isinstance(content, str) else json.dumps(content)
    return f"data: {text}\n\n".encode()


def delta(text: str, finish_reason: str | None = None) -> bytes:
    """An event with a piece of text."""
    return event({"choices": [{"delta": {"content": text}, "finish_reason": finish_reason}]})


def receipt(text: str, *, prompt: int = 100, cached: int = 0, tokens: int = 1) -> bytes:
    """The event before [DONE]."""
    usage = {
        "prompt_tokens": prompt,
        "completion_tokens": tokens,
        "prompt_tokens_details": {"cached_tokens": cached},
    }
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    return event({"choices": [], "usage": usage, "receipt": {"sha256": sha256}})


def stream_of(*pieces: str, cached: int = 0) -> list[bytes]:
    """A whole streamed answer of these pieces, as our server sends it."""
    *first, last = [delta(piece) for piece in pieces] or [delta("")]
    ended = delta("", "length")
    said = receipt("".join(pieces), cached=cached, tokens=len(pieces))
    return [*first, last, ended, said, event("[DONE]")]
