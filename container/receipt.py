"""The receipt: what an answer was, what it cost and how it ended. A stream without it is broken."""

from __future__ import annotations

import hashlib
from typing import Any

from container.context import RequestContext
from container.ledger import Choice
from serving.request import Usage


def receipt_of(context: RequestContext) -> dict[str, Any]:
    """The receipt of the answer in the context's ledger. Times are in milliseconds.

    `sha256` is of the answer's text in UTF-8: of all choices' texts one after the other, if there
    are several, and then `choices` has one entry for each.
    """
    ledger = context.ledger
    timings = ledger.timings
    choices = ledger.choices
    receipt: dict[str, Any] = {
        "request_id": context.request_id,
        "instance": context.instance,
        "finish_reason": ledger.finish_reason,
        "usage": usage_content(ledger.usage),
        "queue_ms": round(timings.queue_ms, 3),
        "prefill_ms": round(timings.prefill_ms, 3),
        "decode_ms": round(timings.decode_ms, 3),
        "ttft_ms": None if ledger.ttft_s is None else round(ledger.ttft_s * 1000, 3),
        "total_ms": round(ledger.elapsed_s * 1000, 3),
        "preemptions": sum(choice.preemptions for choice in choices),
        "sha256": _sha256("".join(choice.text for choice in choices)),
    }
    if len(choices) > 1:
        receipt["choices"] = [_choice_content(choice) for choice in choices]
    if context.session_id is not None:
        receipt["session"] = {"id": context.session_id, "expires": context.session_expires}
    return receipt


def usage_content(usage: Usage) -> dict[str, Any]:
    """OpenAI's usage object."""
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
    }


def _choice_content(choice: Choice) -> dict[str, Any]:
    return {
        "index": choice.index,
        "finish_reason": choice.finish_reason,
        "sha256": _sha256(choice.text),
    }


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
