"""What telemetry is told of a turn."""

from __future__ import annotations

from typing import Any

from orchestrator_lambda.conversation.model import Conversation, Message
from orchestrator_lambda.turns.services import Services
from orchestrator_lambda.turns.turn import Turn


def started_event(services: Services, turn: Turn, now_ms: int) -> tuple[str, dict[str, Any]]:
    """(event id, event) of a turn's start."""
    event_id = f"{turn.name}:started"
    return event_id, {"event_id": event_id, "conversation_id": turn.conversation.id}


def ended_event(
    services: Services, turn: Turn, answer: Message, now_ms: int
) -> tuple[str, dict[str, Any]]:
    """(event id, event) of its end."""
    event_id = f"{turn.name}:ended"
    return event_id, {"event_id": event_id, "conversation_id": turn.conversation.id}


def deleted_event(services: Services, conversation: Conversation) -> dict[str, Any]:
    """The tombstone of a conversation."""
    return {"event_id": f"{conversation.id}:0:deleted", "conversation_id": conversation.id}
