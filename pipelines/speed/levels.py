"""Speed by concurrency: the same workload with 1, 4, 16 ... conversations at a time.

Each level asks other questions, so that no level finds the answers of an earlier one warm; the
system prompt is shared by all, as it is in production.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

from pipelines.errors import SettingsError, StagingError
from pipelines.speed.load import run_load
from pipelines.speed.records import LoadResult, Outcome, RunObserver, SilentObserver
from pipelines.speed.summary import Latencies, Number, latencies
from pipelines.speed.workload import (
    ChatWorkload,
    SessionScript,
    WorkloadSettings,
    chat_workload,
)
from pipelines.target.interface import Target

MOST = 1024  # conversations of one level


@dataclass(frozen=True, kw_only=True)
class SpeedPlan:
    """What is measured.

    Attributes:
        levels: conversations at a time, ascending.
        turns, new_tokens: of each conversation, of each answer.
        time_limit_s: of one level; what is under way then is cut.

    Raises:
        SettingsError: no levels, or one that cannot be.
    """

    levels: tuple[int, ...] = (1, 4, 16)
    turns: int = 4
    new_tokens: int = 48
    time_limit_s: float = 600.0

    def __post_init__(self) -> None:
        if not self.levels or sorted(set(self.levels)) != list(self.levels):
            raise SettingsError(f"levels must ascend, such as 1,4,16; got {self.levels}")
        if not all(1 <= level <= MOST for level in self.levels):
            raise SettingsError(f"levels must be between 1 and {MOST}, got {self.levels}")
        if self.turns < 1 or self.new_tokens < 2 or not self.time_limit_s > 0:
            raise SettingsError("turns must be 1, tokens of an answer 2 or more, and time be left")

    @property
    def label(self) -> str:
        """Names the workload: numbers of two runs compare only when their labels are equal.

        Of characters that a registry keeps as they are.
        """
        levels = "-".join(map(str, self.levels))
        return f"chat levels {levels} turns {self.turns} tokens {self.new_tokens}"

    @property
    def total_turns(self) -> int:
        """Requests in all."""
        return sum(self.levels) * self.turns


QUICK = SpeedPlan(levels=(1, 4), turns=2, new_tokens=16, time_limit_s=120.0)


def speed_plan(levels: str = "", *, quick: bool = False) -> SpeedPlan:
    """What a command is told to measure; `levels` such as `1,4,16`, empty for the usual ones.

    Raises:
        SettingsError: the levels cannot be.
    """
    plan = QUICK if quick else SpeedPlan()
    if not levels:
        return plan
    try:
        numbers = tuple(int(part) for part in levels.split(","))
    except ValueError as error:
        raise SettingsError(f"levels must be numbers such as 1,4,16, got {levels!r}") from error
    return dataclasses.replace(plan, levels=numbers)


@dataclass(frozen=True, kw_only=True)
class Level:
    """What one level showed.

    Attributes:
        asked: turns of the workload; those after a failed turn were never sent.
        tokens_per_s: output tokens of all over wall time; None when none came.
        errors: what went wrong, each sentence once.
    """

    concurrency: int
    tokens_per_s: Number
    wall_s: float
    client_cpu_s: float
    asked: int
    complete: int
    truncated: int
    failed: int
    cut: int
    overall: Latencies
    by_turn: tuple[Latencies, ...]
    errors: tuple[str, ...]


def measure_levels(
    target: Target, plan: SpeedPlan, observe: Callable[[int], RunObserver] | None = None
) -> list[Level]:
    """Warm up, then measure each level; `observe` is told each level that begins.

    Raises:
        StagingError: the warm-up failed: there is nothing to measure.
    """
    _warm_up(target, plan)
    found = []
    for level in plan.levels:
        settings = WorkloadSettings(
            sessions=level, turns=plan.turns, new_tokens=plan.new_tokens, seed=level
        )
        result = run_load(
            target,
            chat_workload(settings),
            time_limit_s=plan.time_limit_s,
            observer=observe(level) if observe else SilentObserver(),
        )
        found.append(summarise_level(settings, result))
    return found


def summarise_level(settings: WorkloadSettings, result: LoadResult) -> Level:
    """The numbers of one level out of its records."""
    turns = result.turns
    tokens = sum(turn.output_tokens for turn in turns)

    def count(outcome: Outcome) -> int:
        return sum(turn.outcome is outcome for turn in turns)

    return Level(
        concurrency=settings.sessions,
        tokens_per_s=tokens / result.wall_s if tokens and result.wall_s > 0 else None,
        wall_s=result.wall_s,
        client_cpu_s=result.client_cpu_s,
        asked=settings.total_turns,
        complete=count(Outcome.COMPLETE),
        truncated=count(Outcome.TRUNCATED),
        failed=count(Outcome.ERROR),
        cut=count(Outcome.CUT),
        overall=latencies(turns),
        by_turn=tuple(
            latencies([one for one in turns if one.turn == turn]) for turn in range(settings.turns)
        ),
        errors=tuple(dict.fromkeys(turn.error for turn in turns if turn.error)),
    )


def _warm_up(target: Target, plan: SpeedPlan) -> None:
    """Two short answers that nobody times: what a server does lazily is done before."""
    result = run_load(target, _WARM_UP, time_limit_s=plan.time_limit_s)
    for turn in result.turns:
        if turn.outcome is not Outcome.COMPLETE:
            why = turn.error or f"it took more than {plan.time_limit_s:g} s"
            raise StagingError(f"the warm-up of {target.name} failed: {why}")


# Unlike the workload's system prompt, so that the first level meets that one cold.
_WARM_UP = ChatWorkload(
    dataclasses.replace(WorkloadSettings(), sessions=2, turns=1, new_tokens=8),
    "Reply briefly.",
    (
        SessionScript(0, ("Name a colour that is seldom seen in nature, and say where.",)),
        SessionScript(1, ("How many legs has a spider, and what does it do with them?",)),
    ),
)
