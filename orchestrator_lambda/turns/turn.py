"""A turn as its producer has it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from orchestrator_lambda.backends.interface import ChatMessage
from orchestrator_lambda.conversation.model import Conversation, Message


@dataclass(frozen=True, kw_only=True)
class Turn:
    """An answer that this process may write, as long as its fence holds.

    Attributes:
        conversation: META; its `fence` is this producer's.
        user: the message that is answered.
        answer: the placeholder; its `text` and `event_seq` are what another producer has left.
        certain: whether readers can have seen no more of the answer than that.
        prompt: what the model is given, without the answer's own text.
        rewritten: the prompt does not begin as the one before it did: the cut has moved.
        previous: receipt of the answer before this one on the branch; empty if there is none.
        began_ms: when the turn was begun, by the first producer.
        takeovers: how many producers there have been before this one.
    """

    conversation: Conversation
    user: Message
    answer: Message
    prompt: Sequence[ChatMessage]
    sampling: Mapping[str, Any]
    tenant: str
    began_ms: int
    certain: bool = True
    rewritten: bool = False
    previous: Mapping[str, Any] = field(default_factory=dict)
    trace: Mapping[str, str] = field(default_factory=dict)
    request_id: str = ""
    takeovers: int = 0

    @property
    def name(self) -> str:
        """What the turn is called where one name is needed: conversation and answer."""
        return f"{self.conversation.id}:{self.answer.seq}"
