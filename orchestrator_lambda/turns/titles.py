"""A title for a conversation that has none, written by the model after the first answer."""

from __future__ import annotations

import re

from orchestrator_lambda.backends.interface import ChatMessage
from orchestrator_lambda.conversation.limits import Limits
from orchestrator_lambda.errors import OrchestratorError
from orchestrator_lambda.sessions.interface import StreamEvent
from orchestrator_lambda.turns.asides import ask_model
from orchestrator_lambda.turns.commit import Committed
from orchestrator_lambda.turns.services import Services
from orchestrator_lambda.turns.turn import Turn

QUESTION = "Write a title of at most six words for this conversation. Answer with the title alone."
WITHIN_S = 10.0
MAX_TOKENS = 24
MAX_WORDS = 12
_EDGES = " \t\"'`*#_.:“”«»-"


def write_title(services: Services, turn: Turn, done: Committed) -> StreamEvent | None:
    """Give an untitled conversation its title, and the event that tells of it.

    The model reads the conversation as it was cached and one question more. Where it gives nothing
    usable, the beginning of the first message becomes the title. Never raises: a title is no
    reason to fail.
    """
    if turn.conversation.title:
        return None
    prompt = [
        *turn.prompt,
        ChatMessage(role="assistant", content=done.answer.text),
        ChatMessage(role="user", content=QUESTION),
    ]
    written = ask_model(
        services,
        turn.conversation,
        turn.tenant,
        prompt,
        name="title",
        max_tokens=MAX_TOKENS,
        within_s=WITHIN_S,
    )
    title = clean_title(written or "") or clean_title(turn.user.text, clip=True)
    try:
        current = services.history.get(turn.conversation.id)
        if current.title or not title:
            return None  # the reader was quicker
        services.history.rename(current.id, title, now_ms=services.clock())
    except OrchestratorError:
        return None
    return StreamEvent(0, "title", {"title": title})


def clean_title(text: str, *, clip: bool = False) -> str:
    """One line without decoration; empty where there is none or, unless clipped, it is too long."""
    line = next((line for line in text.splitlines() if line.strip(_EDGES)), "")
    line = re.sub(r"^title\s*:", "", line.strip(_EDGES), flags=re.IGNORECASE).strip(_EDGES)
    words = line.split()
    if len(words) > MAX_WORDS and not clip:
        return ""
    title = " ".join(words[:MAX_WORDS])[: Limits().title]
    return title + ("…" if clip and len(words) > MAX_WORDS else "")
