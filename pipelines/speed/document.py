"""benchmark.json: what was measured, level by level, and the metrics that the gates look at."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from pipelines.speed.levels import Level, SpeedPlan
from pipelines.speed.summary import Number, ratio

FORMAT = 1


def render(target: str, place: str, plan: SpeedPlan, levels: Sequence[Level]) -> dict[str, Any]:
    """The document, as plain data.

    Args:
        target: name of the endpoint.
        place: what it ran on; speed is compared only with speed at the same place.
        plan: what was asked.
        levels: what came of it, in the plan's order.
    """
    return {
        "format": FORMAT,
        "target": target,
        "place": place,
        "workload": plan.label,
        "turns": plan.turns,
        "new_tokens": plan.new_tokens,
        "levels": [dataclasses.asdict(level) for level in levels],
        "metrics": metrics(levels),
    }


def metrics(levels: Sequence[Level]) -> dict[str, Number]:
    """Latencies at the highest level, the best throughput of all, shares over all turns."""
    last = levels[-1].overall
    rates = [level.tokens_per_s for level in levels]
    asked = float(sum(level.asked for level in levels))
    lost = sum(level.asked - level.complete - level.truncated for level in levels)
    return {
        "ttft_p50_s": last.ttft_p50,
        "ttft_p95_s": last.ttft_p95,
        "ttft_p99_s": last.ttft_p99,
        "itl_p50_s": last.itl_p50,
        "itl_p95_s": last.itl_p95,
        "itl_p99_s": last.itl_p99,
        # one level without a token is a failure, and no other level may hide it
        "tokens_per_s": max((rate for rate in rates if rate is not None), default=None)
        if None not in rates
        else None,
        "cached_share": last.cached_share,
        "truncated_share": ratio(float(sum(level.truncated for level in levels)), asked),
        "failed_share": ratio(float(lost), asked),
    }
