"""OpenAI's chat completion objects."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

DONE = b"data: [DONE]\n\n"
FINISH_REASONS = ("stop", "length", "content_filter")


@dataclass(frozen=True, kw_only=True)
class Completion:
    """What all objects of one answer have in common."""

    id: str
    model: str
    conversation_id: str | None = None
    created: int = field(default_factory=lambda: int(time.time()))

    def chunk(self, delta: Mapping[str, Any], finish_reason: str | None = None) -> dict[str, Any]:
        """One piece of a streamed answer."""
        choice = {
            "index": 0,
            "delta": dict(delta),
            "logprobs": None,
            "finish_reason": finish_reason,
        }
        return {**self._head("chat.completion.chunk"), "choices": [choice]}

    def usage_chunk(self, usage: Mapping[str, Any]) -> dict[str, Any]:
        """The last piece of one that was asked to say its usage."""
        return {**self._head("chat.completion.chunk"), "choices": [], "usage": dict(usage)}

    def whole(
        self, text: str, finish_reason: str, usage: Mapping[str, Any], receipt: Mapping[str, Any]
    ) -> dict[str, Any]:
        """An answer at once."""
        message = {"role": "assistant", "content": text, "refusal": None}
        choice = {
            "index": 0,
            "message": message,
            "logprobs": None,
            "finish_reason": finish_reason,
        }
        head = self._head("chat.completion")
        return {**head, "choices": [choice], "usage": dict(usage), "receipt": dict(receipt)}

    def _head(self, kind: str) -> dict[str, Any]:
        head: dict[str, Any] = {
            "id": self.id,
            "object": kind,
            "created": self.created,
            "model": self.model,
        }
        if self.conversation_id is not None:
            head["conversation_id"] = self.conversation_id
        return head


def usage_of(receipt: Mapping[str, Any]) -> dict[str, Any]:
    """OpenAI's usage from a flat receipt."""
    prompt, completion = receipt.get("prompt_tokens", 0), receipt.get("completion_tokens", 0)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": receipt.get("cached_tokens", 0)},
    }


def finish_reason_of(reason: str | None) -> str:
    """One of OpenAI's words; a stopped answer counts as ended by `stop`."""
    return reason if reason in FINISH_REASONS else "stop"


def data_bytes(content: Mapping[str, Any]) -> bytes:
    """One event of OpenAI's streams, which have neither names nor ids."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    return f"data: {text}\n\n".encode("utf-8", "replace")
