"""Which metric is held against which limit, alone and beside the version before.

low is better:   value <= limit          value <= previous * (1 + growth) + slack
high is better:  value >= limit          value >= previous * (1 - growth) - slack
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pipelines.gates.limits import GateLimits
from pipelines.gates.units import Unit

SUITE = "suite_"
SHIPPED_SUITE = SUITE + "basics"  # asked of every candidate, so it is missed where it is not there
SAMPLE, TOKENIZER, PLACE, WORKLOAD = "sample", "tokenizer", "place", "workload"


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One metric and what is allowed of it.

    Attributes:
        gate: `quality` or `speed`.
        label: how sentences call the metric.
        high: whether more is better.
        limit: the absolute one; None: there is none.
        growth, slack: how much worse than before it may be; None: it is not compared.
        same: properties that two versions must share, or their values cannot be compared.
    """

    gate: str
    metric: str
    label: str
    unit: Unit
    high: bool = False
    limit: float | None = None
    growth: float | None = None
    slack: float = 0.0
    same: tuple[str, ...] = ()

    def allowed_after(self, previous: float) -> float:
        """The limit that follows from the version before."""
        growth = self.growth or 0.0
        if self.high:
            return previous * (1 - growth) - self.slack
        return previous * (1 + growth) + self.slack

    def holds(self, value: float, limit: float) -> bool:
        """Whether the value is allowed; rounding alone refuses nothing."""
        if math.isclose(value, limit, rel_tol=1e-9, abs_tol=1e-12):
            return True
        return value >= limit if self.high else value <= limit


def rules(limits: GateLimits, metrics: Iterable[str]) -> list[Rule]:
    """All rules; each suite among the metrics has its own."""
    suites = sorted({SHIPPED_SUITE, *(name for name in metrics if name.startswith(SUITE))})
    return [*_quality(limits), *(_suite(limits, name) for name in suites), *_speed(limits)]


def incomparable(rule: Rule, now: Mapping[str, str], before: Mapping[str, str]) -> str:
    """Why two versions' values cannot be compared; empty when they can."""
    for name in rule.same:
        if now.get(name) != before.get(name):
            return f"{name} was {before.get(name) or 'not noted'} and is {now.get(name)}"
    return ""


def _quality(limits: GateLimits) -> list[Rule]:
    return [
        Rule(
            gate="quality",
            metric="bits_per_byte",
            label="bits per byte",
            unit=Unit.NUMBER,
            limit=limits.max_bits_per_byte,
            growth=limits.bits_per_byte_growth,
            same=(SAMPLE,),
        ),
        Rule(
            gate="quality",
            metric="perplexity",
            label="perplexity",
            unit=Unit.NUMBER,
            growth=limits.perplexity_growth,
            same=(SAMPLE, TOKENIZER),
        ),
    ]


def _suite(limits: GateLimits, metric: str) -> Rule:
    return Rule(
        gate="quality",
        metric=metric,
        label=f"share of passed prompts in suite {metric.removeprefix(SUITE)}",
        unit=Unit.SHARE,
        high=True,
        limit=limits.min_suite_share,
        growth=0.0,
        slack=limits.suite_drop,
        same=(metric,),  # the property of that name tells its prompts
    )


def _speed(limits: GateLimits) -> list[Rule]:
    place = (PLACE, WORKLOAD)
    return [
        Rule(
            gate="speed",
            metric="ttft_p95_s",
            label="TTFT p95",
            unit=Unit.SECONDS,
            limit=limits.max_ttft_p95_s,
            growth=limits.ttft_growth,
            slack=limits.ttft_slack_s,
            same=place,
        ),
        Rule(
            gate="speed",
            metric="itl_p99_s",
            label="ITL p99",
            unit=Unit.SECONDS,
            limit=limits.max_itl_p99_s,
            growth=limits.itl_growth,
            slack=limits.itl_slack_s,
            same=place,
        ),
        Rule(
            gate="speed",
            metric="tokens_per_s",
            label="output tokens/s",
            unit=Unit.NUMBER,
            high=True,
            limit=limits.min_tokens_per_s,
            growth=limits.tokens_per_s_drop,
            same=place,
        ),
        Rule(
            gate="speed",
            metric="cached_share",
            label="share of prompt tokens found warm",
            unit=Unit.SHARE,
            high=True,
            limit=limits.min_cached_share,
            growth=0.0,
            slack=limits.cached_share_drop,
            same=(WORKLOAD,),
        ),
        Rule(
            gate="speed",
            metric="truncated_share",
            label="share of truncated streams",
            unit=Unit.SHARE,
            limit=limits.max_truncated_share,
        ),
        Rule(
            gate="speed",
            metric="failed_share",
            label="share of failed requests",
            unit=Unit.SHARE,
            limit=limits.max_failed_share,
        ),
    ]
