"""From records to numbers. Every definition of the report is in this file.

Output tokens/s     all output tokens / wall time of the run, from the first request sent to the
                    last answer finished. Tokens of cut and failed turns count: they were made.
TTFT                from sending a request to its first piece of text.
ITL                 from one piece of text to the next of the same answer.
Time per token      (last piece - first piece) / (tokens - 1) of an answer, so that a server which
                    sends several tokens at once gains nothing. Complete answers only.
Cached share        cached prompt tokens / prompt tokens, where the server reports them.
Percentile q of n   linear interpolation at rank q * (n - 1) of the sorted values, counted from 0
                    (numpy's default). With 16 values p99 is nearly their maximum.
Several repeats     each number is the median of the repeats' numbers; nothing is pooled.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from benchmarks.records import Outcome, RunRecord, TurnRecord

Number = float | None


@dataclass(frozen=True, kw_only=True)
class Latencies:
    """Latencies over some turns, in seconds; None where there is nothing to measure."""

    ttft_p50: Number
    ttft_p99: Number
    itl_p50: Number
    itl_p99: Number
    seconds_per_token_p50: Number
    cached_share: Number


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


def percentile(values: Iterable[float], q: float) -> Number:
    """Percentile by linear interpolation; `q` in [0, 1]. None for no values.

    Raises:
        ValueError: `q` outside [0, 1].
    """
    if not 0.0 <= q <= 1.0:
        raise ValueError(f"q must be in [0, 1], got {q}")
    ordered = sorted(values)
    if not ordered:
        return None
    rank = q * (len(ordered) - 1)
    low, high = math.floor(rank), math.ceil(rank)
    return ordered[low] + (ordered[high] - ordered[low]) * (rank - low)


def ratio(numerator: Number, denominator: Number) -> Number:
    """The quotient, None where either side is missing or the divisor is 0."""
    if numerator is None or not denominator:
        return None
    return numerator / denominator


def tokens_per_second(run: RunRecord) -> float:
    """Output tokens of all turns over the run's wall time."""
    tokens = sum(turn.output_tokens for turn in run.turns)
    return tokens / run.wall_s if run.wall_s > 0 else 0.0


def latencies(turns: Sequence[TurnRecord]) -> Latencies:
    """Latencies over `turns` of one run."""
    ttfts = [ttft for turn in turns if (ttft := turn.ttft_s) is not None]
    gaps = [gap for turn in turns for gap in turn.gaps_s]
    per_token = [pace for turn in turns if (pace := turn.seconds_per_token) is not None]
    return Latencies(
        ttft_p50=percentile(ttfts, 0.5),
        ttft_p99=percentile(ttfts, 0.99),
        itl_p50=percentile(gaps, 0.5),
        itl_p99=percentile(gaps, 0.99),
        seconds_per_token_p50=percentile(per_token, 0.5),
        cached_share=_cached_share(turns),
    )


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
    return Latencies(
        ttft_p50=_median(parts, lambda part: part.ttft_p50),
        ttft_p99=_median(parts, lambda part: part.ttft_p99),
        itl_p50=_median(parts, lambda part: part.itl_p50),
        itl_p99=_median(parts, lambda part: part.itl_p99),
        seconds_per_token_p50=_median(parts, lambda part: part.seconds_per_token_p50),
        cached_share=_median(parts, lambda part: part.cached_share),
    )


def _median(parts: Sequence[Latencies], get: Callable[[Latencies], Number]) -> Number:
    """Median of one field, over the parts that have it."""
    known = [value for part in parts if (value := get(part)) is not None]
    return statistics.median(known) if known else None


def _cached_share(turns: Sequence[TurnRecord]) -> Number:
    """Cached over all prompt tokens, of the turns for which the server reported both."""
    known = [
        (turn.cached_tokens, turn.prompt_tokens)
        for turn in turns
        if turn.cached_tokens is not None and turn.prompt_tokens is not None
    ]
    return ratio(sum(cached for cached, _ in known), sum(prompt for _, prompt in known))


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
