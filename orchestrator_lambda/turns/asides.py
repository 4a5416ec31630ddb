"""Small questions to the model on our own behalf: titles and summaries."""

from __future__ import annotations

import time
from collections.abc import Sequence

from orchestrator_lambda.backends.interface import (
    ChatMessage,
    Delta,
    GenerationRequest,
    Receipt,
)
from orchestrator_lambda.conversation.model import Conversation
from orchestrator_lambda.errors import OrchestratorError
from orchestrator_lambda.turns.services import Services
from orchestrator_lambda.turns.source import Failed, Source


def ask_model(
    services: Services,
    conversation: Conversation,
    tenant: str,
    messages: Sequence[ChatMessage],
    *,
    name: str,
    max_tokens: int,
    within_s: float,
) -> str | None:
    """The answer to a prompt, greedily; None where no whole answer came within the time.

    Asked under the conversation's own routing key, so that its cached prefix is used.
    """
    request = GenerationRequest(
        tenant=tenant,
        model_revision=conversation.model,
        conversation_id=conversation.id,
        messages=messages,
        request_id=f"{conversation.id}:{name}",
        sampling={"max_tokens": max_tokens, "temperature": 0.0},
        deadline_ms=int(within_s * 1000),
    )
    source = Source(services.backend, request)
    try:
        return _collected(source, time.monotonic() + within_s)
    except OrchestratorError:
        return None
    finally:
        source.close()


def _collected(source: Source, deadline: float) -> str | None:
    parts = []
    while (left := deadline - time.monotonic()) > 0:
        item = source.next(left)
        if isinstance(item, Delta):
            parts.append(item.text)
        if isinstance(item, Receipt):
            return "".join(parts)
        if isinstance(item, Failed):
            return None
    return None
