"""The end of a turn: one fenced commit, tried again until it holds or the time is up."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, replace
from typing import Any

from orchestrator_lambda.conversation.model import Conversation, Message, Totals
from orchestrator_lambda.conversation.truncation import estimate_tokens
from orchestrator_lambda.errors import StoreUnavailable
from orchestrator_lambda.history.interface import TurnEnd
from orchestrator_lambda.observability.spans import span
from orchestrator_lambda.turns.answer_log import AnswerLog
from orchestrator_lambda.turns.ending import Ending, stored_receipt
from orchestrator_lambda.turns.services import Services
from orchestrator_lambda.turns.turn import Turn

FIRST_WAIT_S, LONGEST_WAIT_S = 0.1, 2.0


@dataclass(frozen=True, kw_only=True)
class Committed:
    """What is stored now."""

    answer: Message
    conversation: Conversation
    event: dict[str, Any]


def final_answer(
    services: Services, turn: Turn, ending: Ending, log: AnswerLog, ttft_ms: int | None
) -> Message:
    """The answer as it will stand."""
    receipt, text = ending.receipt, log.text
    tokens = receipt.completion_tokens if receipt and not turn.answer.text else None
    if tokens is None and text:
        tokens = estimate_tokens(text, services.settings.marks)
    return replace(
        turn.answer,
        text=text,
        status=ending.status,
        tokens=tokens,
        event_seq=log.last_id,
        finish_reason=ending.finish_reason,
        error_code=ending.error["code"] if ending.error else None,
        receipt=stored_receipt(
            receipt, ttft_ms=ttft_ms, takeovers=turn.takeovers, sampling=turn.sampling
        ),
    )


def commit(services: Services, turn: Turn, answer: Message, *, within_s: float) -> Committed:
    """Store the end of a turn, its telemetry in the same transaction.

    Raises:
        Fenced: a newer producer owns the answer, or it has ended differently, or was deleted.
        StoreUnavailable: the store has been down for all of `within_s`.
    """
    totals = totals_of(answer)
    now = services.clock()
    degraded = services.sessions.degraded
    event_id, event = services.reporter.ended(turn, answer, now, degraded=degraded)
    end = TurnEnd(
        conversation_id=turn.conversation.id,
        fence=turn.conversation.fence,
        answer=answer,
        totals=totals,
        now_ms=now,
        expires_s=turn.conversation.expires_s,
        outbox={event_id: event},
    )
    with span("commit", outcome=answer.status.value, takeovers=turn.takeovers):
        _persistently(services, end, within_s)
    conversation = replace(
        turn.conversation, answering=None, totals=_sum(turn.conversation.totals, totals)
    )
    return Committed(answer=answer, conversation=conversation, event=event)


def totals_of(answer: Message) -> Totals:
    """What a turn adds to its conversation's totals."""
    receipt = answer.receipt
    return Totals(
        turns=1,
        input_tokens=int(receipt.get("prompt_tokens", 0)),
        cached_tokens=int(receipt.get("cached_tokens", 0)),
        output_tokens=answer.tokens or 0,
    )


def _persistently(services: Services, end: TurnEnd, within_s: float) -> None:
    deadline = time.monotonic() + within_s
    wait = FIRST_WAIT_S
    while True:
        try:
            services.history.end_turn(end)
            return
        except StoreUnavailable:
            if time.monotonic() + wait >= deadline:
                raise
            time.sleep(random.uniform(wait / 2, wait))  # noqa: S311
            wait = min(2 * wait, LONGEST_WAIT_S)


def _sum(one: Totals, other: Totals) -> Totals:
    return Totals(
        turns=one.turns + other.turns,
        input_tokens=one.input_tokens + other.input_tokens,
        cached_tokens=one.cached_tokens + other.cached_tokens,
        output_tokens=one.output_tokens + other.output_tokens,
    )
