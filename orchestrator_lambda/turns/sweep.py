"""Ending what nobody answers any more, for the scheduled sweeper."""

from __future__ import annotations

from orchestrator_lambda.turns.liveness import is_orphan
from orchestrator_lambda.turns.orphans import end_orphan
from orchestrator_lambda.turns.services import Services


def finish_turn(services: Services, conversation_id: str, answer_seq: int) -> bool:
    """End an answer as it stands, if its producer is gone; whether it was and has an end now.

    Raises:
        OrchestratorError: not now.
    """
    answer = services.history.message(conversation_id, answer_seq)
    if answer.status.terminal or not is_orphan(services, conversation_id, answer):
        return False
    end_orphan(services, conversation_id, answer_seq)
    return True
