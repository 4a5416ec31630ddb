"""From a branch to what the model is given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from orchestrator_lambda.backends.interface import ChatMessage
from orchestrator_lambda.conversation.model import Cut, Message, Role
from orchestrator_lambda.conversation.prompt import build_prompt


def chat_prompt(system: str, cut: Cut, branch: Sequence[Message]) -> list[ChatMessage]:
    """The prompt of a branch, always the same for the same history."""
    return [
        ChatMessage(role=role, content=content)
        for role, content in build_prompt(system, cut, branch)
    ]


def previous_receipt(branch: Sequence[Message]) -> Mapping[str, Any]:
    """Receipt of the last answer on a branch that has one; empty if none has."""
    answers = (message for message in reversed(branch) if message.role is Role.ASSISTANT)
    return next((message.receipt for message in answers if message.receipt), {})
