"""What the instances are told and the policies allow: names that must be known on both sides."""

from __future__ import annotations

from dataclasses import dataclass

from infrastructure.settings import Stage

NAMESPACE = "Keepwarm/Fleet"
IN_FLIGHT = "concurrent_requests"
KV_OCCUPANCY = "kv_occupancy"
SESSIONS = "sessions_open"
METRICS = (IN_FLIGHT, KV_OCCUPANCY, SESSIONS)
"""What `scripts/metrics.sh` writes, of each instance, under its group's name."""

GROUP_DIMENSION = "AutoScalingGroupName"
PORT = 8080
HEALTH_PATH = "/ping"


@dataclass(frozen=True)
class FleetNames:
    """Of one stage's fleet.

    Attributes:
        group: the auto scaling group.
        hook: the lifecycle hook that holds an instance until it is drained.
        logs: the containers' log group.
    """

    group: str
    hook: str
    logs: str


def fleet_names(stage: Stage) -> FleetNames:
    """The names of a stage's fleet."""
    group = f"{stage.prefix}-{stage.name}-fleet"
    return FleetNames(group=group, hook="drain", logs=f"/{stage.prefix}/{stage.name}/fleet")
