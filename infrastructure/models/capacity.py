"""How much one copy of the model takes: the memory plan's numbers, and where each of them lands.

    plan.json --> running ---> KEEPWARM_MAX_NUM_SEQS, _WAITING, _CONCURRENT of the container
              |       `------> ConcurrencyThreshold of PREFIX_AWARE routing
              `-> scaling ---> target value of the scaling policy: 0.7 of running

Nothing here is computed anew where a plan is given. Where only its number of sessions is, the same
rules make the rest of it; a test holds them against `serving.memory_plan`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from infrastructure.errors import SettingsError
from infrastructure.settings import Model, Stage
from pipelines.errors import PlanError
from pipelines.plan.document import PlanDocument, load

SCALE_AT = 0.7
"""A new instance takes minutes to come. At this share of what runs at once there is room for those
minutes, and nobody waits yet; at the admission limit, twice as far up, requests already get 429."""

MOST_THRESHOLD = 1024


@dataclass(frozen=True)
class Capacity:
    """What one copy takes.

    Attributes:
        running: requests computed at a time.
        target: concurrent requests a copy at which another copy is started.
        environment: settings by which a container keeps to it.
        ami: InferenceAmiVersion that the plan names; empty: the settings' one.
    """

    running: int
    target: int
    environment: Mapping[str, str] = field(default_factory=dict)
    ami: str = ""

    @property
    def threshold(self) -> int:
        """Requests in flight beyond which a cold copy answers sooner than the warm one."""
        return min(self.running, MOST_THRESHOLD)


def model_capacity(stage: Stage) -> Capacity:
    """Of a copy on the endpoint.

    Raises:
        SettingsError: the plan cannot be read, or is of another instance type.
    """
    model = stage.model
    if model.plan_file:
        return _of_plan(_plan(stage, model))
    return of_sessions(model.concurrency, model.context_tokens)


def fleet_capacity(stage: Stage) -> Capacity:
    """Of an instance of the fleet."""
    return of_sessions(stage.fleet.concurrency, stage.model.context_tokens)


def of_sessions(running: int, context: int) -> Capacity:
    """By the plan's number of sessions alone.

    Args:
        running: sessions that one copy computes at a time.
        context: tokens of a session.
    """
    environment = {
        "KEEPWARM_MAX_MODEL_LEN": str(context),
        "KEEPWARM_MAX_NUM_SEQS": str(running),
        "KEEPWARM_MAX_WAITING": str(running),
        "KEEPWARM_MAX_CONCURRENT": str(2 * running),
    }
    return Capacity(running, max(1, int(SCALE_AT * running)), environment)


def _plan(stage: Stage, model: Model) -> PlanDocument:
    try:
        plan = load(Path(model.plan_file), model.instance_type)
    except PlanError as error:
        raise SettingsError(f"stage {stage.name!r}: model.plan_file: {error}") from error
    if plan.copies > 1 and model.kind == "endpoint":
        raise SettingsError(
            f"stage {stage.name!r}: model.plan_file has {plan.copies} copies of the model on a "
            f'{plan.instance}, which need model.kind = "components"'
        )
    return plan


def _of_plan(plan: PlanDocument) -> Capacity:
    return Capacity(
        running=plan.prefix_aware_threshold,
        target=plan.autoscaling_target,
        environment=dict(plan.environment),
        ami=plan.ami or "",
    )
