"""What one run of one peer yields: the records of its turns, and how they came about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from pipelines.speed.records import Outcome, TurnRecord, turn_from_json
from pipelines.speed.workload import WorkloadSettings


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
        scenario: which workload of `scenarios.py`.
        peak_memory_bytes: resident, of all the peer's processes, until the end of this run.
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
    scenario: str = "chat"
    peak_memory_bytes: int | None = None

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
    """A peer that was asked for and has no numbers, with the reason.

    `scenario`: the first of those that have none; empty when it has none at all. `skipped`: it was
    not tried.
    """

    peer: str
    title: str
    reason: str
    scenario: str = ""
    skipped: bool = False


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
