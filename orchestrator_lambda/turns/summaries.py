"""A summary of what a cut leaves out, written by the model in the turn that cuts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from orchestrator_lambda.backends.interface import ChatMessage
from orchestrator_lambda.conversation.model import ROOT, Conversation, Cut, Message
from orchestrator_lambda.turns.asides import ask_model
from orchestrator_lambda.turns.prompts import chat_prompt
from orchestrator_lambda.turns.services import Services

QUESTION = (
    "Sum up the conversation so far in at most 150 words: facts, names, decisions, open points."
)
WITHIN_S = 20.0
MAX_TOKENS = 256


def summarised(
    services: Services, conversation: Conversation, branch: Sequence[Message], cut: Cut
) -> Cut:
    """The cut, with a summary if it has just moved and summaries are wanted and one came in time.

    The model reads the history under the old cut, which is what its cache holds.
    """
    moved = cut.seq not in (ROOT, conversation.cut.seq)
    if not moved or not services.settings.summaries:
        return cut
    left_out = [message for message in branch if message.seq <= cut.seq]
    prompt = chat_prompt(conversation.system, conversation.cut, left_out)
    summary = ask_model(
        services,
        conversation,
        "default",
        [*prompt, ChatMessage(role="user", content=QUESTION)],
        name="summary",
        max_tokens=MAX_TOKENS,
        within_s=WITHIN_S,
    )
    return replace(cut, summary=summary.strip()) if summary else cut
