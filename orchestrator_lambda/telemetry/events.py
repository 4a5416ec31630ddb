"""The events of a turn: small plain records, without a word of what anybody wrote.

Names are OpenTelemetry's (generative AI, user, error) where it has one, `keepwarm.` and a name of
ours where it has none. Fields that are not known are left out. The same turn gives the same event
id every time, made of conversation, answer and kind; readers drop an id that they have seen.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from orchestrator_lambda.telemetry.cache import classify
from orchestrator_lambda.telemetry.prices import PriceTable

SCHEMA_VERSION = 1
"""Raised when a reader of the old events would misread the new ones."""

STARTED = "started"
ENDED = "ended"
DELETED = "deleted"
KINDS = (STARTED, ENDED, DELETED)
OUTCOMES = ("complete", "stopped", "error")
PROVIDER = "keepwarm"

_CODE = re.compile(r"[A-Za-z0-9_.:/@+-]{1,128}")
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}.*")
_HASH_DIGITS = 32

Event = dict[str, Any]


def turn_started(
    *,
    conversation_id: str,
    answer_seq: int,
    now_ms: int,
    model: str,
    user_hash: str = "",
    trace_id: str = "",
    degraded: bool = False,
) -> Event:
    """A turn is stored and its answer begins.

    Args:
        conversation_id: the conversation.
        answer_seq: the answer in it.
        now_ms: Unix milliseconds.
        model: as the conversation names it.
        user_hash: from `hash_user`.
        trace_id: from `trace_id_of`.
        degraded: whether Redis is down.
    """
    event = _event(STARTED, conversation_id, answer_seq, now_ms, user_hash)
    return _known(
        event
        | _model(model)
        | {"trace_id": _code(trace_id), "keepwarm.degraded": degraded, **_turn(answer_seq)}
    )


def turn_ended(
    *,
    conversation_id: str,
    answer_seq: int,
    began_ms: int,
    now_ms: int,
    model: str,
    outcome: str,
    receipt: Mapping[str, Any],
    previous: Mapping[str, Any] | None = None,
    rewritten: bool = False,
    output_tokens: int | None = None,
    finish_reason: str | None = None,
    error_code: str | None = None,
    variant: str = "",
    user_hash: str = "",
    trace_id: str = "",
    degraded: bool = False,
    prices: PriceTable | None = None,
) -> Event:
    """An answer has its last state.

    Args:
        conversation_id: the conversation.
        answer_seq: the answer in it.
        began_ms: when its request came.
        now_ms: Unix milliseconds.
        model: as the conversation names it.
        outcome: complete, stopped or error.
        receipt: as it is stored with the answer: prompt_tokens, cached_tokens, completion_tokens,
            backend, instance, attempts, continuations, takeovers, queue_ms, prefill_ms, decode_ms,
            ttft_ms; whatever is missing is not reported.
        previous: the same of the answer before it on the branch.
        rewritten: see `classify`.
        output_tokens: of the answer's whole text, where the receipt knows but its last part.
        finish_reason: the model's.
        error_code: stable code of what ended it, with outcome error.
        variant: production variant or fleet that answered.
        user_hash: from `hash_user`.
        trace_id: from `trace_id_of`.
        degraded: whether Redis was down.
        prices: without them no cost is estimated.
    """
    tokens = _tokens(receipt, output_tokens)
    return _known(
        _event(ENDED, conversation_id, answer_seq, now_ms, user_hash)
        | _model(model)
        | _turn(answer_seq)
        | _usage(tokens)
        | _route(receipt, variant)
        | _times(receipt, began_ms, now_ms)
        | _costs(prices, model, tokens)
        | {
            "trace_id": _code(trace_id),
            "keepwarm.degraded": degraded,
            "keepwarm.cache.class": _class(previous, receipt, rewritten),
        }
        | _ending(outcome, finish_reason, error_code)
    )


def conversation_deleted(*, conversation_id: str, now_ms: int, user_hash: str = "") -> Event:
    """The tombstone: whoever keeps events of this conversation has to let them go."""
    return _known(_event(DELETED, conversation_id, 0, now_ms, user_hash))


def hash_user(user: str, salt: str) -> str:
    """A name for a user that only the holder of the salt can make; empty without a salt."""
    if not salt or not user:
        return ""
    return hmac.new(salt.encode(), user.encode(), hashlib.sha256).hexdigest()[:_HASH_DIGITS]


def trace_id_of(headers: Mapping[str, str]) -> str:
    """The trace's id in the headers that are handed on; empty if there is none."""
    match = _TRACEPARENT.fullmatch(headers.get("traceparent", ""))
    return match[1] if match else ""


def event_key(event: Mapping[str, Any]) -> tuple[str, str]:
    """(conversation id, event id).

    Raises:
        ValueError: the event has no id of this form.
    """
    event_id = event.get("event_id")
    parts = event_id.split(":") if isinstance(event_id, str) else []
    if len(parts) != 3 or not all(parts):
        raise ValueError("an event's id must be conversation:answer:kind")
    return parts[0], str(event_id)


def _event(kind: str, conversation_id: str, answer_seq: int, now_ms: int, user: str) -> Event:
    return {
        "schema_version": SCHEMA_VERSION,
        "event_id": f"{conversation_id}:{answer_seq}:{kind}",
        "kind": kind,
        "time_ms": now_ms,
        "gen_ai.conversation.id": conversation_id,
        "user.hash": user or None,
    }


def _turn(answer_seq: int) -> Event:
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": PROVIDER,
        "keepwarm.answer.seq": answer_seq,
    }


def _model(model: str) -> Event:
    return {"gen_ai.request.model": _code(model)}


def _ending(outcome: str, finish_reason: str | None, error_code: str | None) -> Event:
    return {
        "gen_ai.response.finish_reasons": [_code(finish_reason)] if finish_reason else None,
        "error.type": _code(error_code),
        "keepwarm.outcome": outcome if outcome in OUTCOMES else "error",
    }


def _tokens(receipt: Mapping[str, Any], output_tokens: int | None) -> Event:
    output = _number(output_tokens)
    return {
        "input": _number(receipt.get("prompt_tokens")),
        "cached": _number(receipt.get("cached_tokens")),
        "output": _number(receipt.get("completion_tokens")) if output is None else output,
    }


def _usage(tokens: Mapping[str, Any]) -> Event:
    return {
        "gen_ai.usage.input_tokens": tokens["input"],
        "gen_ai.usage.cache_read.input_tokens": tokens["cached"],
        "gen_ai.usage.output_tokens": tokens["output"],
    }


def _route(receipt: Mapping[str, Any], variant: str) -> Event:
    return {
        "keepwarm.backend": _code(receipt.get("backend")),
        "keepwarm.variant": _code(variant),
        "keepwarm.instance": _code(receipt.get("instance")),
        "keepwarm.attempts": _number(receipt.get("attempts")),
        "keepwarm.continuations": _number(receipt.get("continuations")),
        "keepwarm.takeovers": _number(receipt.get("takeovers")),
    }


def _class(
    previous: Mapping[str, Any] | None, receipt: Mapping[str, Any], rewritten: bool
) -> str | None:
    found = classify(previous or {}, receipt, rewritten=rewritten)
    return None if found is None else found.value


def _times(receipt: Mapping[str, Any], began_ms: int, now_ms: int) -> Event:
    """Durations. Two machines' clocks may have measured a turn: it never took less than nothing."""
    first_chunk = _number(receipt.get("ttft_ms"))
    return {
        "keepwarm.duration_ms": max(0, now_ms - began_ms),
        "gen_ai.response.time_to_first_chunk": None if first_chunk is None else first_chunk / 1000,
        **{
            f"keepwarm.{name}": _number(receipt.get(name))
            for name in ("queue_ms", "prefill_ms", "decode_ms")
        },
    }


def _costs(prices: PriceTable | None, model: str, tokens: Mapping[str, Any]) -> Event:
    if prices is None or tokens["input"] is None:
        return {}
    cost = prices.cost(
        model,
        input_tokens=int(tokens["input"]),
        cached_tokens=int(tokens["cached"] or 0),
        output_tokens=int(tokens["output"] or 0),
    )
    if cost is None:
        return {}
    return {
        "keepwarm.cost.fresh_input": cost.fresh_input,
        "keepwarm.cost.cached_input": cost.cached_input,
        "keepwarm.cost.output": cost.output,
        "keepwarm.cost.total": cost.total,
        "keepwarm.cost.currency": prices.currency,
        "keepwarm.cost.date": prices.date or None,
        "keepwarm.cost.source": prices.source or None,
    }


def _number(value: Any) -> int | float | None:
    """A count or a duration as JSON has it; None for anything else, and for less than nothing."""
    if isinstance(value, Decimal) and value.is_finite():
        value = int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return value if 0 <= value < 2**53 else None


def _code(value: Any) -> str | None:
    """A name or code of ours; whatever could be somebody's words becomes `other`."""
    if not isinstance(value, str) or not value:
        return None
    return value if _CODE.fullmatch(value) else "other"


def _known(event: Event) -> Event:
    return {name: value for name, value in event.items() if value is not None}
