"""Who comes when, says how much and thinks how long: drawn once from a seed, the same for all.

    tokens of a session   | system prompt of its application | question | answer | question | ..
    ids                   | app << 20 + position             | (apps + session) << 20 + position

Distributions, none of them measured on anybody's traffic: arrivals are a Poisson process; the
number of turns is geometric; questions, answers and pauses are log-normal, with mean and sigma
below; applications are Zipf-distributed. What is far from your chat, set otherwise.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace

ANSWER_TOKEN_S = 0.05  # pace of answers before the simulation begins
LEAD_TURNS = 8  # mean session lengths by which arrivals begin earlier than the simulation
_ID_BITS = 20


@dataclass(frozen=True)
class Traffic:
    """Distributions of a workload; lengths in tokens, times in seconds.

    Attributes:
        turns_s: turns a second that are to be sent once the traffic is in balance.
        turns: mean number of turns in a session.
        pause: mean time from an answer's end to the next question.
        system: tokens of each application's system prompt.
        burst: factor on new sessions during the `burst_s` after the warm-up.
    """

    turns_s: float
    turns: float = 8.0
    question: float = 120.0
    question_sigma: float = 1.0
    answer: float = 160.0
    answer_sigma: float = 0.7
    pause: float = 45.0
    pause_sigma: float = 0.9
    apps: int = 8
    system: int = 512
    burst: float = 1.0
    burst_s: float = 60.0

    @property
    def turn_s(self) -> float:
        """From one question to the next, roughly."""
        return self.pause + self.answer * ANSWER_TOKEN_S


@dataclass(frozen=True)
class Session:
    """One conversation, as it will go.

    Attributes:
        first: the turn that it is at when the simulation begins.
        starts_at: when that one is sent.
        app: which application's system prompt it begins with.
        base: id of its own token at position 0, were there no system prompt.
        questions, answers: tokens, by turn.
        pauses: seconds after each answer.
    """

    number: int
    first: int
    starts_at: float
    app: int
    base: int
    system: int
    questions: tuple[int, ...]
    answers: tuple[int, ...]
    pauses: tuple[float, ...]

    @property
    def turns(self) -> int:
        """How many it has."""
        return len(self.questions)

    @property
    def history(self) -> int:
        """Tokens said before the simulation begins; 0: it is a new session."""
        return self.prompt_len(self.first) - self.questions[self.first] if self.first else 0

    @property
    def last_said_at(self) -> float:
        """When the answer before its first turn here was complete."""
        return self.starts_at - (self.pauses[self.first - 1] if self.first else 0.0)

    def prompt_len(self, turn: int) -> int:
        """Tokens of a turn's prompt: everything before it, and its question."""
        said = sum(self.questions[: turn + 1]) + sum(self.answers[:turn])
        return self.system + said

    def tokens(self, count: int) -> list[int]:
        """The first `count` tokens."""
        shared = self.app << _ID_BITS
        system = min(count, self.system)
        own = range(self.base + system, self.base + count)
        return [*range(shared, shared + system), *own]


def sessions(
    traffic: Traffic, *, until: float, burst_at: float, context: int, seed: int
) -> Iterator[Session]:
    """All sessions that send a turn between 0 and `until`; none grows beyond `context` tokens.

    Those that began before 0 are in the middle: there are as many sessions at 0 as later.
    """
    rng = random.Random(seed)
    now = -LEAD_TURNS * traffic.turns * traffic.turn_s
    usual = traffic.turns_s / traffic.turns
    for number in itertools.count():
        in_burst = burst_at <= now < burst_at + traffic.burst_s
        now += rng.expovariate(usual * (traffic.burst if in_burst else 1.0))
        if now >= until:
            return
        session = _in_the_middle(_session(traffic, number, now, context, rng))
        if session is not None:
            yield session


def _in_the_middle(session: Session) -> Session | None:
    """The session from its first turn after time 0 on; None if it was over by then."""
    when, first = session.starts_at, 0
    while when < 0 and first < session.turns:
        when += session.answers[first] * ANSWER_TOKEN_S + session.pauses[first]
        first += 1
    return None if first == session.turns else replace(session, starts_at=when, first=first)


def _session(
    traffic: Traffic, number: int, starts_at: float, context: int, rng: random.Random
) -> Session:
    turns = _turns(traffic, context, rng)
    return Session(
        number=number,
        first=0,
        starts_at=starts_at,
        app=_zipf(traffic.apps, rng),
        base=(traffic.apps + number) << _ID_BITS,
        system=traffic.system,
        questions=tuple(it[0] for it in turns),
        answers=tuple(it[1] for it in turns),
        pauses=tuple(it[2] for it in turns),
    )


def _turns(traffic: Traffic, context: int, rng: random.Random) -> list[tuple[int, int, float]]:
    """Question, answer and pause of each turn, as many as fit."""
    turns: list[tuple[int, int, float]] = []
    length = traffic.system
    for _ in range(_geometric(traffic.turns, rng)):
        question = max(1, round(_log_normal(traffic.question, traffic.question_sigma, rng)))
        answer = max(1, round(_log_normal(traffic.answer, traffic.answer_sigma, rng)))
        pause = _log_normal(traffic.pause, traffic.pause_sigma, rng)
        if turns and length + question + answer > context:
            break
        question = min(question, context - length - 1)
        answer = min(answer, context - length - question)
        length += question + answer
        turns.append((question, answer, pause))
    return turns


def _geometric(mean: float, rng: random.Random) -> int:
    """1, 2, ... with that mean."""
    if mean <= 1:
        return 1
    return 1 + int(math.log(1.0 - rng.random()) / math.log(1.0 - 1.0 / mean))


def _log_normal(mean: float, sigma: float, rng: random.Random) -> float:
    return rng.lognormvariate(math.log(mean) - sigma * sigma / 2, sigma) if mean else 0.0


def _zipf(count: int, rng: random.Random) -> int:
    """0 .. count - 1, the first most often."""
    weights = [1.0 / rank for rank in range(1, count + 1)]
    return rng.choices(range(count), weights)[0]
