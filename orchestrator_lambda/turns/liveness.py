"""Whether somebody is still at work on an answer."""

from __future__ import annotations

from orchestrator_lambda.conversation.model import Message
from orchestrator_lambda.turns.services import Services


def is_orphan(services: Services, conversation_id: str, answer: Message) -> bool:
    """Whether an unfinished answer has lost its producer.

    Nobody holds the lock, and the last sign of life is older than a grace that covers a beginning
    turn and clocks that disagree. While Redis is down nobody knows of the lock, and the grace is
    longer. A wrong guess costs work, never words: the fence lets only one of two producers write.
    """
    held = services.sessions.held(conversation_id)
    if held:
        return False
    settings = services.settings
    grace = settings.degraded_grace_seconds if held is None else settings.grace_seconds
    return services.clock() - max(answer.alive_ms, answer.created_ms) > grace * 1000
