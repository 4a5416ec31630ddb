"""What an endpoint's fleets look like from outside while one replaces the other."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pipelines.testing.control_plane.part import Answer


@dataclass(frozen=True)
class Stage:
    """A share of the traffic on the new fleet, for a while."""

    percent: int
    seconds: float


@dataclass(frozen=True)
class Rollout:
    """One blue/green update.

    Attributes:
        config, variant, model: the new ones.
        instances: of the new fleet.
        stages: in their order; alarms are watched in each.
        alarms: names that send everything back.
        deployment: the request's DeploymentConfig.
        since: its begin.
    """

    config: str
    variant: str
    model: str
    instances: int
    stages: tuple[Stage, ...]
    alarms: tuple[str, ...]
    deployment: Answer
    since: datetime


def rollout_of(
    endpoint: Answer, config: Answer, deployment: Answer, now: datetime, *, retain: bool
) -> Rollout:
    """The update that a request asks for."""
    variant = config["ProductionVariants"][0]
    current = endpoint["ProductionVariants"][0]["DesiredInstanceCount"]
    alarms = deployment.get("AutoRollbackConfiguration", {}).get("Alarms", [])
    return Rollout(
        config=config["EndpointConfigName"],
        variant=variant["VariantName"],
        model=variant["ModelName"],
        instances=current if retain else variant["InitialInstanceCount"],
        stages=_stages(deployment),
        alarms=tuple(alarm["AlarmName"] for alarm in alarms),
        deployment=deployment,
        since=now,
    )


def fleet(config: Answer, now: datetime) -> Answer:
    """The variant's summary while its first fleet is launched."""
    variant = config["ProductionVariants"][0]
    count = variant["InitialInstanceCount"]
    return {
        "VariantName": variant["VariantName"],
        "CurrentWeight": 0.0,
        "DesiredWeight": 1.0,
        "CurrentInstanceCount": 0,
        "DesiredInstanceCount": count,
        "VariantStatus": [_status("Creating", f"Launching {count} instance(s).", now)],
    }


def summary(rollout: Rollout, status: str, percent: int, since: datetime) -> Answer:
    """PendingDeploymentSummary of an update."""
    serving = rollout.instances * percent // 100
    text = {
        "Creating": f"Launching {rollout.instances} instance(s).",
        "Baking": f"Baking with traffic enabled on {percent} % of capacity.",
    }[status]
    return {
        "EndpointConfigName": rollout.config,
        "StartTime": rollout.since,
        "ProductionVariants": [
            {
                "VariantName": rollout.variant,
                "CurrentWeight": percent / 100,
                "DesiredWeight": 1.0,
                "CurrentInstanceCount": serving,
                "DesiredInstanceCount": rollout.instances,
                "VariantStatus": [_status(status, text, since)],
            }
        ],
    }


def _stages(deployment: Answer) -> tuple[Stage, ...]:
    policy = deployment.get("BlueGreenUpdatePolicy", {})
    routing = policy.get("TrafficRoutingConfiguration", {"Type": "ALL_AT_ONCE"})
    whole = Stage(100, float(policy.get("TerminationWaitInSeconds", 0)))
    if routing["Type"] != "CANARY":
        return (whole,)
    return (Stage(routing["CanarySize"]["Value"], float(routing["WaitIntervalInSeconds"])), whole)


def _status(status: str, message: str, since: datetime) -> Answer:
    return {"Status": status, "StatusMessage": message, "StartTime": since}
