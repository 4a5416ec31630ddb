"""The workloads beside chat, as chats: every peer that runs one can run the others.

chat      16 sessions x 4 turns, 64 new tokens: the wave in which all send their next turn is in it
single    one question, 128 new tokens
burst     32 prompts of about 512 tokens at once, no two alike, 8 new tokens each
long      15 sessions decode, a prompt of about 4000 tokens arrives among them
1..64     so many sessions at once, one turn, 32 new tokens
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from pipelines.speed.workload import (
    ChatWorkload,
    SessionScript,
    WorkloadSettings,
    chat_workload,
)
from pipelines.speed.workload_text import compose_question

CHAT = "chat"
SINGLE = "single"
BURST = "burst"
LONG = "long"
LEVELS = (1, 4, 16, 64)
NAMES = (CHAT, SINGLE, BURST, LONG, *(f"at {level}" for level in LEVELS))

_TOKENS_OF_A_WORD = 1.145  # of the questions, in the default model's vocabulary
_BURST_TOKENS = 495  # a chat's frame and system prompt make up the rest
_LONG_TOKENS = 4000
_BRIEF = "Reply briefly."


@dataclass(frozen=True)
class Scenario:
    """A named workload."""

    name: str
    workload: ChatWorkload


def scenarios(names: Iterable[str], chat: WorkloadSettings, *, quick: bool) -> list[Scenario]:
    """Those of the names, in the order of `NAMES`; `quick` makes all but the chat tiny.

    Raises:
        ValueError: an unknown name, or none.
    """
    wanted = set(names)
    unknown = wanted - set(NAMES)
    if unknown or not wanted:
        raise ValueError(f"--scenarios takes some of {', '.join(NAMES)}; got {sorted(unknown)}")
    return [Scenario(name, _workload(name, chat, quick=quick)) for name in NAMES if name in wanted]


def _workload(name: str, chat: WorkloadSettings, *, quick: bool) -> ChatWorkload:
    if name == CHAT:
        return chat_workload(chat)
    # Another seed for each, so that no question is found again.
    size = replace(chat, turns=1, new_tokens=8, seed=chat.seed + 1000 + NAMES.index(name))
    if name == SINGLE:
        return chat_workload(replace(size, sessions=1, new_tokens=8 if quick else 128))
    if name == BURST:
        return _burst(replace(size, sessions=2 if quick else 32))
    if name == LONG:
        return _long(replace(size, sessions=3 if quick else 16, new_tokens=8 if quick else 96))
    level = int(name.removeprefix("at "))
    sessions = min(level, 2) if quick else level
    return chat_workload(replace(size, sessions=sessions, new_tokens=8 if quick else 32))


def _burst(settings: WorkloadSettings) -> ChatWorkload:
    chooser = random.Random(f"burst-{settings.seed}")
    texts = [_text(chooser, _BURST_TOKENS) for _ in range(settings.sessions)]
    return ChatWorkload(settings, _BRIEF, _scripts(texts))


def _long(settings: WorkloadSettings) -> ChatWorkload:
    """The last session is the late one; the others ask as in a chat."""
    chat = chat_workload(settings)
    chooser = random.Random(f"long-{settings.seed}")
    last = SessionScript(settings.sessions - 1, (_text(chooser, _LONG_TOKENS),), late=True)
    return replace(chat, scripts=(*chat.scripts[:-1], last))


def _scripts(texts: Sequence[str]) -> tuple[SessionScript, ...]:
    return tuple(SessionScript(index, (text,)) for index, text in enumerate(texts))


def _text(chooser: random.Random, tokens: int) -> str:
    """Questions one after another, of about so many tokens."""
    words: list[str] = []
    while len(words) * _TOKENS_OF_A_WORD < tokens:
        words += compose_question(chooser).split()
    return " ".join(words[: int(tokens / _TOKENS_OF_A_WORD)])
