"""From the runs of a peer to the numbers of the report.

What a latency is, `pipelines/speed/summary.py` says. Several repeats: each number is the median of
the repeats' numbers; nothing is pooled.
"""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.records import RunRecord
from pipelines.speed.records import Outcome, TurnRecord
from pipelines.speed.summary import Latencies, Number, latencies, ratio


@dataclass(frozen=True, kw_only=True)
class PeerSummary:
    """All repeats of one peer, as the table shows them.

    Attributes:
        by_turn: latencies of each turn, counted from 0.
        turns_complete, turns_asked: sums over the repeats.
        repeats: how many runs the medians are of.
        short_answers: complete answers with fewer tokens than asked for.
        counted_by_client: whether any token count is a count of events.
        same_answers: share of complete answers that equal the baseline's, None without one.
    """

    peer: str
    title: str
    version: str
    repeats: int
    tokens_per_s: float
    tokens_per_s_range: tuple[float, float]
    wall_s: float
    overall: Latencies
    by_turn: tuple[Latencies, ...]
    turns_complete: int
    turns_asked: int
    was_cut: bool
    errors: tuple[str, ...]
    short_answers: int
    counted_by_client: bool
    same_answers: Number

    @property
    def ttft_last_to_first(self) -> Number:
        """Median TTFT of the last turn as a part of the first turn's: what the cache saves."""
        return ratio(self.by_turn[-1].ttft_p50, self.by_turn[0].ttft_p50)


def tokens_per_second(run: RunRecord) -> float:
    """Output tokens of all turns over the run's wall time."""
    return rate_of(run.turns, run.wall_s)


def rate_of(turns: Sequence[TurnRecord], wall_s: float) -> float:
    """Output tokens of `turns` over the wall time; 0 for no time."""
    tokens = sum(turn.output_tokens for turn in turns)
    return tokens / wall_s if wall_s > 0 else 0.0


def summarise(runs: Sequence[RunRecord], baseline: Sequence[RunRecord] = ()) -> PeerSummary:
    """Medians over the repeats of one peer; answers are compared with those of `baseline`.

    Raises:
        ValueError: no runs.
    """
    if not runs:
        raise ValueError("a summary needs at least one run")
    first = runs[0]
    rates = [tokens_per_second(run) for run in runs]
    turns = [turn for run in runs for turn in run.turns]
    complete = [turn for turn in turns if turn.outcome is Outcome.COMPLETE]
    return PeerSummary(
        peer=first.peer,
        title=first.title,
        version=first.version,
        repeats=len(runs),
        tokens_per_s=statistics.median(rates),
        tokens_per_s_range=(min(rates), max(rates)),
        wall_s=statistics.median(run.wall_s for run in runs),
        overall=_median_latencies([latencies(run.turns) for run in runs]),
        by_turn=tuple(_of_turn(runs, turn) for turn in range(first.workload.turns)),
        turns_complete=len(complete),
        turns_asked=sum(run.workload.total_turns for run in runs),
        was_cut=any(run.was_cut for run in runs),
        errors=tuple(error for run in runs for error in run.errors),
        short_answers=sum(turn.output_tokens < first.workload.new_tokens for turn in complete),
        counted_by_client=any(not turn.counted_by_server for turn in complete),
        same_answers=_same_answers(complete, baseline),
    )


def _of_turn(runs: Sequence[RunRecord], turn: int) -> Latencies:
    """Latencies of one turn number, the median of each over `runs`."""
    return _median_latencies(
        [latencies([record for record in run.turns if record.turn == turn]) for run in runs]
    )


def _median_latencies(parts: Sequence[Latencies]) -> Latencies:
    """Field by field the median of `parts`."""
    names = [one.name for one in dataclasses.fields(Latencies)]
    return Latencies(**{name: _median([getattr(part, name) for part in parts]) for name in names})


def _median(values: Sequence[Number]) -> Number:
    """Median of those that are known."""
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def _same_answers(complete: Sequence[TurnRecord], baseline: Sequence[RunRecord]) -> Number:
    """Share of answers whose text is the baseline's of the same session and turn.

    An answer that differs makes the rest of its session differ too, since it is re-sent.
    """
    texts = {
        (turn.session, turn.turn): turn.text
        for run in baseline
        for turn in run.turns
        if turn.outcome is Outcome.COMPLETE
    }
    shared = [turn for turn in complete if (turn.session, turn.turn) in texts]
    same = sum(texts[turn.session, turn.turn] == turn.text for turn in shared)
    return ratio(float(same), float(len(shared)))
