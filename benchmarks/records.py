"""What one run of one peer yields: plain records, in seconds since the run began.

    |--- ttft ---|- itl -|- itl -|
    sent         event   event   event  ... finished      one TurnRecord

An event is a piece of the answer as it reached the client. A server that hands out several
tokens at once makes fewer events than tokens, so token counts come from the server's `usage`.
"""

from __future__ import annotations

import enum
import itertools
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from benchmarks.workload import WorkloadSettings


class Outcome(enum.StrEnum):
    """How a turn ended."""

    COMPLETE = "complete"
    CUT = "cut"  # the time limit of the run came first
    ERROR = "error"


@dataclass(frozen=True, kw_only=True)
class TurnRecord:
    """One request and its answer, as the client saw them.

    Attributes:
        session, turn: both counted from 0.
        sent_s: when the request was sent.
        event_times_s: when each piece of text arrived, ascending.
        finished_s: when the stream ended, by itself or not.
        output_tokens: of `usage` when `counted_by_server`, else the number of events.
        prompt_tokens, cached_tokens: of `usage`; None when the server does not say.
        error: one sentence for Outcome.ERROR.
    """

    session: int
    turn: int
    sent_s: float
    event_times_s: tuple[float, ...]
    finished_s: float
    output_tokens: int
    counted_by_server: bool
    text: str
    outcome: Outcome
    prompt_tokens: int | None = None
    cached_tokens: int | None = None
    error: str | None = None

    @property
    def ttft_s(self) -> float | None:
        """Seconds from sending to the first piece of text; None when none came."""
        return self.event_times_s[0] - self.sent_s if self.event_times_s else None

    @property
    def gaps_s(self) -> list[float]:
        """Seconds between one piece of text and the next (inter-token latencies)."""
        return [later - earlier for earlier, later in itertools.pairwise(self.event_times_s)]

    @property
    def seconds_per_token(self) -> float | None:
        """Mean time of each token after the first, however they were grouped into events."""
        if self.outcome is not Outcome.COMPLETE or self.output_tokens < 2 or not self.event_times_s:
            return None
        return (self.event_times_s[-1] - self.event_times_s[0]) / (self.output_tokens - 1)


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """One peer, one pass over the workload.

    Attributes:
        peer: the short name; `title` is for people.
        settings: flags that the peer ran with.
        wall_s: first request sent to last answer finished (or cut).
        start_s: process start to ready, warm-up request included; None for a foreign URL.
        client_cpu_s: CPU time that measuring took itself, beside the peer on the same machine.
        foreign_cores: mean number of cores that other processes kept busy during the run.
    """

    peer: str
    title: str
    version: str
    workload: WorkloadSettings
    turns: tuple[TurnRecord, ...]
    wall_s: float
    repeat: int = 0
    settings: Mapping[str, str] = field(default_factory=dict)
    start_s: float | None = None
    client_cpu_s: float | None = None
    foreign_cores: float | None = None

    @property
    def was_cut(self) -> bool:
        """Whether the time limit ended the run."""
        return any(turn.outcome is Outcome.CUT for turn in self.turns)

    @property
    def errors(self) -> list[str]:
        """The sentences of the turns that failed."""
        return [turn.error or "unknown" for turn in self.turns if turn.outcome is Outcome.ERROR]


@dataclass(frozen=True, kw_only=True)
class PeerFailure:
    """A peer that was asked for and has no numbers, with the reason."""

    peer: str
    title: str
    reason: str


class RunObserver(Protocol):
    """Follows a run while it goes on (a progress bar, or nothing)."""

    def tokens_arrived(self, count: int) -> None:
        """`count` more pieces of text came."""

    def turn_ended(self) -> None:
        """One more turn is over, whatever its outcome."""


class SilentObserver:
    """An observer that looks away."""

    def tokens_arrived(self, count: int) -> None:
        """Nothing to do."""

    def turn_ended(self) -> None:
        """Nothing to do."""


def run_to_json(run: RunRecord) -> dict[str, Any]:
    """`run` as JSON-ready data; times keep a tenth of a millisecond."""
    data = asdict(run)
    data["settings"] = dict(run.settings)
    for turn in data["turns"]:
        turn["event_times_s"] = [round(time, 4) for time in turn["event_times_s"]]
        turn["sent_s"], turn["finished_s"] = round(turn["sent_s"], 4), round(turn["finished_s"], 4)
    return data


def run_from_json(data: Mapping[str, Any]) -> RunRecord:
    """The inverse of `run_to_json`.

    Raises:
        KeyError, TypeError, ValueError: `data` was not written by `run_to_json`.
    """
    fields = dict(data)
    fields["workload"] = WorkloadSettings(**fields["workload"])
    fields["turns"] = tuple(turn_from_json(turn) for turn in fields["turns"])
    return RunRecord(**fields)


def turn_from_json(data: Mapping[str, Any]) -> TurnRecord:
    """One turn out of JSON-ready data."""
    fields = dict(data)
    fields["event_times_s"] = tuple(fields["event_times_s"])
    fields["outcome"] = Outcome(fields["outcome"])
    return TurnRecord(**fields)
