"""A hint that a conversation will go on: its stored history is prefilled while the reader types."""

from __future__ import annotations

from orchestrator_lambda.backends.interface import GenerationRequest
from orchestrator_lambda.conversation.model import ROOT, Conversation
from orchestrator_lambda.conversation.truncation import place_cut
from orchestrator_lambda.errors import OrchestratorError
from orchestrator_lambda.turns.branches import load_branch
from orchestrator_lambda.turns.prompts import chat_prompt
from orchestrator_lambda.turns.services import Services


def may_warm(conversation: Conversation) -> bool:
    """Whether there is something to prefill and nobody is about to do it anyway."""
    return conversation.head != ROOT and conversation.answering is None


def warm(services: Services, conversation: Conversation, tenant: str) -> bool:
    """Prefill the shown branch where its next turn will go; whether it was done. Never raises."""
    try:
        branch = load_branch(services.history, conversation, conversation.head)
        cut = place_cut(branch, conversation.cut, conversation.system, services.settings.marks)
    except OrchestratorError:
        return False
    request = GenerationRequest(
        tenant=tenant,
        model_revision=conversation.model,
        conversation_id=conversation.id,
        messages=chat_prompt(conversation.system, cut, branch),
        request_id=f"{conversation.id}:warm",
    )
    return services.backend.warm(request) is not None
