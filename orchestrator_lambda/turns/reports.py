"""What telemetry is told of a turn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from orchestrator_lambda.conversation.model import Conversation, Message
from orchestrator_lambda.telemetry import events
from orchestrator_lambda.telemetry.prices import PriceTable
from orchestrator_lambda.turns.turn import Turn


@dataclass(frozen=True, kw_only=True)
class Reporter:
    """Makes the events of turns.

    Attributes:
        user_salt: hashes users; without it events name none.
        prices: without them no cost is estimated.
    """

    user_salt: str = ""
    prices: PriceTable | None = None

    def started(self, turn: Turn, *, degraded: bool) -> tuple[str, dict[str, Any]]:
        """(event id, event) of a turn's start."""
        event = events.turn_started(
            conversation_id=turn.conversation.id,
            answer_seq=turn.answer.seq,
            now_ms=turn.began_ms,
            model=turn.conversation.model,
            user_hash=self._user(turn.conversation),
            trace_id=events.trace_id_of(turn.trace),
            degraded=degraded,
        )
        return event["event_id"], event

    def ended(
        self, turn: Turn, answer: Message, now_ms: int, *, degraded: bool
    ) -> tuple[str, dict[str, Any]]:
        """(event id, event) of its end."""
        event = events.turn_ended(
            conversation_id=turn.conversation.id,
            answer_seq=answer.seq,
            began_ms=turn.began_ms,
            now_ms=now_ms,
            model=turn.conversation.model,
            outcome=answer.status.value,
            receipt=answer.receipt,
            previous=turn.previous,
            rewritten=turn.rewritten,
            output_tokens=answer.tokens,
            finish_reason=answer.finish_reason,
            error_code=answer.error_code,
            variant=str(answer.receipt.get("backend", "")),
            user_hash=self._user(turn.conversation),
            trace_id=events.trace_id_of(turn.trace),
            degraded=degraded,
            prices=self.prices,
        )
        return event["event_id"], event

    def deleted(self, conversation: Conversation, now_ms: int) -> dict[str, Any]:
        """The tombstone of a conversation."""
        return events.conversation_deleted(
            conversation_id=conversation.id, now_ms=now_ms, user_hash=self._user(conversation)
        )

    def _user(self, conversation: Conversation) -> str:
        return events.hash_user(conversation.owner, self.user_salt)
