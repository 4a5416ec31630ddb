"""A hint that a conversation will go on: its stored history is prefilled while the reader types."""

from __future__ import annotations

from orchestrator_lambda.backends.interface import GenerationRequest, Receipt
from orchestrator_lambda.conversation.model import ROOT, Conversation
from orchestrator_lambda.conversation.truncation import place_cut
from orchestrator_lambda.errors import OrchestratorError
from orchestrator_lambda.turns.branches import load_branch
from orchestrator_lambda.turns.prompts import chat_prompt
from orchestrator_lambda.turns.services import Services
from orchestrator_lambda.turns.source import Failed, Source

WITHIN_S = 20.0


def may_warm(conversation: Conversation) -> bool:
    """Whether there is something to prefill and nobody is about to do it anyway."""
    return conversation.head != ROOT and conversation.answering is None


def warm(services: Services, conversation: Conversation, tenant: str) -> bool:
    """Prefill the shown branch by asking for a single token; whether it was done.

    The answer is thrown away; the blocks of its prompt stay warm. Never raises.
    """
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
        sampling={"max_tokens": 1, "temperature": 0.0},
        deadline_ms=int(WITHIN_S * 1000),
    )
    source = Source(services.backend, request)
    try:
        return _through(source)
    finally:
        source.close()


def _through(source: Source) -> bool:
    while (item := source.next(WITHIN_S)) is not None:
        if isinstance(item, Receipt):
            return True
        if isinstance(item, Failed):
            return False
    return False
