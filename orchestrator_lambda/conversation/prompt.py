"""From a branch to the messages of a prompt: always the same bytes for the same history."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator_lambda.conversation.model import ROOT, Cut, Message

SUMMARY_HEADING = "Summary of the conversation so far:"

PromptMessage = tuple[str, str]  # role, content


def build_prompt(system: str, cut: Cut, branch: Sequence[Message]) -> list[PromptMessage]:
    """System prompt, with the summary at its end if there is one, then what the cut leaves.

    While the cut stays, the prompt of a later turn begins with that of an earlier one: messages
    are only added, and an answer is sent back exactly as it was given. An answer that was stopped
    or broke off is sent as far as it came; an empty one is left out together with its question,
    since chat templates want speakers by turns.
    """
    left = list(branch)
    if cut.seq != ROOT:
        left = [message for message in branch if message.seq > cut.seq]
    head = "\n\n".join(part for part in (system, _summary(cut)) if part)
    prompt: list[PromptMessage] = [("system", head)] if head else []
    for index, message in enumerate(left):
        answer = left[index + 1] if index + 1 < len(left) else None
        unanswered = answer is not None and not answer.text and answer is not left[-1]
        if message.text and not unanswered:
            prompt.append((message.role.value, message.text))
    return prompt


def _summary(cut: Cut) -> str:
    return f"{SUMMARY_HEADING}\n{cut.summary}" if cut.summary else ""
