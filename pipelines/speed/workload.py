"""The multi-turn chat workload: plain data, the same for every endpoint and every benchmark peer.

    session 0   system | question 0 | answer 0 | question 1 | answer 1 | ...
    session 1   system | question 0 | answer 0 | ...
                ^ shared by all        ^ the measured model's own words, re-sent as history

All sessions begin together. A session sends its next turn as soon as its answer is complete
(plus `think_seconds`), so prompts grow turn by turn and only their tail is new to the server.
Equal settings give equal text on every machine.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from pipelines.speed.workload_text import SYSTEM_PROMPT, compose_question

Message = dict[str, str]


@dataclass(frozen=True, kw_only=True)
class WorkloadSettings:
    """The size of a chat workload.

    Attributes:
        sessions: conversations that run at the same time.
        turns: questions in each conversation.
        new_tokens: tokens generated for each answer, exactly (greedy, end of sequence ignored).
        seed: chooses the questions.
        system_repeats: how often the shared system prompt (255 tokens) is repeated in itself.
        think_seconds: pause between an answer and the session's next question.

    Raises:
        ValueError: a count below 1, or a negative pause.
    """

    sessions: int = 16
    turns: int = 4
    new_tokens: int = 64
    seed: int = 0
    system_repeats: int = 1
    think_seconds: float = 0.0

    def __post_init__(self) -> None:
        for name in ("sessions", "turns", "new_tokens", "system_repeats"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if not 0.0 <= self.think_seconds < float("inf"):
            raise ValueError(f"think_seconds must be 0 or more, got {self.think_seconds}")

    @property
    def total_turns(self) -> int:
        """Requests in one run."""
        return self.sessions * self.turns

    @property
    def total_tokens(self) -> int:
        """Output tokens in one complete run."""
        return self.total_turns * self.new_tokens


@dataclass(frozen=True)
class SessionScript:
    """What the user of one conversation asks, in order.

    `late`: the first question is sent once every other session's answer has begun.
    """

    index: int
    questions: tuple[str, ...]
    late: bool = False


@dataclass(frozen=True)
class ChatWorkload:
    """Everything a peer is asked, apart from the history that its own answers make."""

    settings: WorkloadSettings
    system_prompt: str
    scripts: tuple[SessionScript, ...]


@dataclass
class Conversation:
    """One session as it unfolds: the script plus the answers so far."""

    script: SessionScript
    messages: list[Message]

    @classmethod
    def begin(cls, workload: ChatWorkload, script: SessionScript) -> Conversation:
        """A conversation in which only the system prompt has been said."""
        return cls(script, [{"role": "system", "content": workload.system_prompt}])

    def ask(self, turn: int) -> list[Message]:
        """Append the question of `turn` and return the whole history, ready to send."""
        self.messages.append({"role": "user", "content": self.script.questions[turn]})
        return list(self.messages)

    def answer(self, text: str) -> None:
        """Append the model's own answer, as it came."""
        self.messages.append({"role": "assistant", "content": text})


def chat_workload(settings: WorkloadSettings) -> ChatWorkload:
    """The workload for `settings`; a session's script does not depend on how many there are."""
    scripts = tuple(_script(index, settings) for index in range(settings.sessions))
    system_prompt = "\n\n".join([SYSTEM_PROMPT] * settings.system_repeats)
    return ChatWorkload(settings, system_prompt, scripts)


def _script(index: int, settings: WorkloadSettings) -> SessionScript:
    """Questions of one session; its generator is its own, so sessions can be added freely."""
    chooser = random.Random(f"chat-{settings.seed}-{index}")  # noqa: S311 - words, not secrets
    return SessionScript(index, tuple(compose_question(chooser) for _ in range(settings.turns)))
