"""How an answer ended, and the receipt that is stored with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator_lambda.backends.interface import Receipt
from orchestrator_lambda.conversation.model import MessageStatus
from orchestrator_lambda.errors import OrchestratorError
from orchestrator_lambda.http.errors import error_content

_TIMES = ("queue_ms", "prefill_ms", "decode_ms", "total_ms")
TERMINAL_EVENTS = {
    MessageStatus.COMPLETE: "done",
    MessageStatus.STOPPED: "stopped",
    MessageStatus.ERROR: "error",
}


@dataclass(frozen=True, kw_only=True)
class Ending:
    """The last state of an answer.

    Attributes:
        receipt: of the backend; None where the answer was stopped or broke off.
        error: content for the reader: code, message, retry_after_ms, ...
        withdrawn: whether moderation has taken the text back.
    """

    status: MessageStatus
    finish_reason: str | None = None
    receipt: Receipt | None = None
    error: Mapping[str, Any] | None = None
    withdrawn: bool = False

    @property
    def event_kind(self) -> str:
        """Kind of the event that tells readers."""
        return TERMINAL_EVENTS[self.status]


def completed(receipt: Receipt) -> Ending:
    """The model said its last word."""
    return Ending(
        status=MessageStatus.COMPLETE, finish_reason=receipt.finish_reason, receipt=receipt
    )


def stopped() -> Ending:
    """A reader asked to stop."""
    return Ending(status=MessageStatus.STOPPED, finish_reason="stopped")


def broken(error: Exception, request_id: str) -> Ending:
    """No backend gave the rest."""
    return Ending(status=MessageStatus.ERROR, error=error_content(error, request_id)["error"])


def stored_receipt(
    receipt: Receipt | None,
    *,
    ttft_ms: int | None = None,
    takeovers: int = 0,
    sampling: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """What is kept of a receipt, flat, absent fields left out.

    Args:
        receipt: None where there is none.
        ttft_ms: milliseconds from the request's arrival here to the first text.
        takeovers: how many producers were lost before this one.
        sampling: how the answer was asked for, for our own use.
    """
    kept: dict[str, Any] = {"sampling": dict(sampling)} if sampling is not None else {}
    if receipt is not None:
        raw = receipt.raw
        kept |= {
            "prompt_tokens": receipt.prompt_tokens,
            "cached_tokens": receipt.cached_tokens,
            "completion_tokens": receipt.completion_tokens,
            "instance": raw.get("instance"),
            "backend": receipt.backend,
            "attempts": receipt.attempts,
            "continuations": raw.get("continuations"),
            **{name: raw.get(name) for name in _TIMES},
        }
    kept |= {"ttft_ms": ttft_ms, "takeovers": takeovers or None}
    return {name: value for name, value in kept.items() if value is not None}


def is_expected(error: Exception) -> bool:
    """Whether the error was raised on purpose, so that the log needs no trace of it."""
    return isinstance(error, OrchestratorError)
