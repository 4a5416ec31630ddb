"""What a million output tokens cost: as planned, and as measured where it was measured there."""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.plan.document import PlanDocument

SECONDS_AN_HOUR = 3600


@dataclass(frozen=True)
class Cost:
    """USD for a million output tokens on the planned instance.

    Attributes:
        estimated: by the plan, with every copy at its limit; None without a price.
        measured: by the benchmark's best level; None unless it ran on that instance type.
    """

    estimated: float | None
    measured: float | None


def cost_of(plan: PlanDocument, place: str, tokens_per_s: float | None) -> Cost:
    """The cost; `place` is where `tokens_per_s` were measured, on one instance."""
    measured = None
    if place == plan.instance and plan.usd_per_hour is not None and tokens_per_s:
        measured = plan.usd_per_hour / (tokens_per_s * SECONDS_AN_HOUR) * 1e6
    return Cost(plan.usd_per_million_tokens, measured)
