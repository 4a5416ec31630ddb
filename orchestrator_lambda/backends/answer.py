"""The events of a chat completion's stream as items of a generation, held against its receipt.

    role chunk, content chunks, finish chunk, receipt chunk, [DONE]

A stream that ends without its receipt is broken, however well it ended on the wire; so is one whose
text is not the text that the receipt is about, and one that the container cut before its end.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from orchestrator_lambda.backends.failures import (
    MISMATCH,
    AnswerBroken,
    ContainerError,
    Usage,
)
from orchestrator_lambda.backends.interface import Delta, Item, Receipt

DONE = "[DONE]"
# Ends that are none: the container, not the model, stopped. `deadline` is the container's own.
_CUT = {"shutdown": "shutdown", "deadline": "cut", "abort": "abort", "error": "error"}


class AnswerReader:
    """Turns the data of events into deltas and, last, the verified receipt.

    Attributes:
        receipt: given already; whatever comes after it is ignored.
    """

    def __init__(self, backend: str) -> None:
        self.receipt: Receipt | None = None
        self._backend = backend
        self._sha256 = hashlib.sha256()

    def read(self, data: str) -> Iterator[Item]:
        """The items of one event.

        Raises:
            OrchestratorError: the event is an error of the container, garbage, a receipt that does
                not hold, or the end without one.
        """
        if self.receipt is not None:
            return
        if data == DONE:
            raise truncated()
        chunk = _object(data)
        if chunk.get("error") is not None:
            raise _error(chunk["error"])
        text = _text(chunk)
        if text:
            self._sha256.update(_utf8(text))
            yield Delta(text)
        if chunk.get("receipt") is not None:
            self.receipt = self._verified(chunk["receipt"])
            yield self.receipt

    def end(self) -> None:
        """The stream is over.

        Raises:
            AnswerBroken: too early.
        """
        if self.receipt is None:
            raise truncated()

    def _verified(self, raw: Any) -> Receipt:
        if not isinstance(raw, dict):
            raise _garbage()
        usage = _usage(raw.get("usage"))
        finish_reason = raw.get("finish_reason")
        if not isinstance(finish_reason, str) or not finish_reason:
            raise _garbage()
        if raw.get("sha256") != self._sha256.hexdigest():
            raise AnswerBroken("the answer that arrived is not the one sent", reason=MISMATCH)
        if finish_reason in _CUT:
            raise AnswerBroken(
                "the model was stopped in the middle of its answer",
                reason=_CUT[finish_reason],
                usage=usage,
            )
        return Receipt(
            finish_reason=finish_reason,
            prompt_tokens=usage.prompt_tokens,
            cached_tokens=usage.cached_tokens,
            completion_tokens=usage.completion_tokens,
            backend=self._backend,
            raw=raw,
        )


def truncated() -> AnswerBroken:
    """The stream ended, and nothing says that the answer did."""
    return AnswerBroken("the answer ended without its receipt", reason="truncated")


def _garbage() -> AnswerBroken:
    return AnswerBroken("the model's stream cannot be read", reason="garbage")


def _object(data: str) -> dict[str, Any]:
    try:
        chunk = json.loads(data)
    except (ValueError, RecursionError):
        raise _garbage() from None
    if not isinstance(chunk, dict):
        raise _garbage()
    return chunk


def _error(error: Any) -> Exception:
    return ContainerError.of_object(error if isinstance(error, dict) else {}).to_error()


def _text(chunk: Mapping[str, Any]) -> str:
    """The text that a chunk adds. There is one choice, and content is its only text."""
    choices = [] if chunk.get("choices") is None else chunk["choices"]
    if not isinstance(choices, list) or len(choices) > 1:
        raise _garbage()
    if not choices:
        return ""
    choice = choices[0]
    delta = choice.get("delta") if isinstance(choice, dict) else None
    content = delta.get("content") if isinstance(delta, dict) else ""
    if content is None:
        return ""
    if not isinstance(content, str):
        raise _garbage()
    return content


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise _garbage() from None


def _usage(raw: Any) -> Usage:
    fields = raw if isinstance(raw, dict) else {}
    details = fields.get("prompt_tokens_details")
    cached = details.get("cached_tokens", 0) if isinstance(details, dict) else 0
    return Usage(
        prompt_tokens=_count(fields.get("prompt_tokens")),
        cached_tokens=_count(cached),
        completion_tokens=_count(fields.get("completion_tokens")),
    )


def _count(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise _garbage()
    return value
