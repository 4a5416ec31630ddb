"""From records to numbers. Every definition of a latency is in this file.

Output tokens/s     all output tokens / wall time of the run, from the first request sent to the
                    last answer finished. Tokens of cut and failed turns count: they were made.
TTFT                from sending a request to its first piece of text.
ITL                 from one piece of text to the next of the same answer.
Time per token      (last piece - first piece) / (tokens - 1) of an answer, so that a server which
                    sends several tokens at once gains nothing. Complete answers only.
Cached share        cached prompt tokens / prompt tokens, where the server reports them.
Percentile q of n   linear interpolation at rank q * (n - 1) of the sorted values, counted from 0
                    (numpy's default). With 16 values p99 is nearly their maximum.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pipelines.speed.records import TurnRecord

Number = float | None


@dataclass(frozen=True, kw_only=True)
class Latencies:
    """Latencies over some turns, in seconds; None where there is nothing to measure."""

    ttft_p50: Number
    ttft_p95: Number
    ttft_p99: Number
    itl_p50: Number
    itl_p95: Number
    itl_p99: Number
    seconds_per_token_p50: Number
    cached_share: Number


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


def latencies(turns: Sequence[TurnRecord]) -> Latencies:
    """Latencies over `turns` of one run."""
    ttfts = [ttft for turn in turns if (ttft := turn.ttft_s) is not None]
    gaps = [gap for turn in turns for gap in turn.gaps_s]
    per_token = [pace for turn in turns if (pace := turn.seconds_per_token) is not None]
    return Latencies(
        ttft_p50=percentile(ttfts, 0.5),
        ttft_p95=percentile(ttfts, 0.95),
        ttft_p99=percentile(ttfts, 0.99),
        itl_p50=percentile(gaps, 0.5),
        itl_p95=percentile(gaps, 0.95),
        itl_p99=percentile(gaps, 0.99),
        seconds_per_token_p50=percentile(per_token, 0.5),
        cached_share=_cached_share(turns),
    )


def _cached_share(turns: Sequence[TurnRecord]) -> Number:
    """Cached over all prompt tokens, of the turns for which the server reported both."""
    known = [
        (turn.cached_tokens, turn.prompt_tokens)
        for turn in turns
        if turn.cached_tokens is not None and turn.prompt_tokens is not None
    ]
    return ratio(sum(cached for cached, _ in known), sum(prompt for _, prompt in known))
