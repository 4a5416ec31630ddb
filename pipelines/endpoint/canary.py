"""How traffic moves from the old fleet to the new one.

new version: a share of the fleet first, then the rest, alarms watched all the time
going back:  everything at once; the alarms ring already, and must not stop it
"""

from __future__ import annotations

from typing import Any

from pipelines.settings import DeploymentSettings

BAKE_S = 300
SHORTEST_S, LONGEST_S = 600, 28_800
MARGIN_S = 1800


def careful(settings: DeploymentSettings, instances: int, alarms: list[str]) -> dict[str, Any]:
    """DeploymentConfig of an update to a new version.

    Args:
        settings: share and wait of the canary.
        instances: of the fleet; one alone has no share that could go first.
        alarms: names of the alarms that take it back.
    """
    routing: dict[str, Any] = {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}
    if instances > 1:
        routing = {
            "Type": "CANARY",
            "WaitIntervalInSeconds": settings.canary_wait_s,
            "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": settings.canary_percent},
        }
    return {
        "BlueGreenUpdatePolicy": _policy(settings, routing, BAKE_S),
        "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": name} for name in alarms]},
    }


def at_once(settings: DeploymentSettings) -> dict[str, Any]:
    """DeploymentConfig of going back."""
    routing = {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}
    return {"BlueGreenUpdatePolicy": _policy(settings, routing, 0)}


def _policy(settings: DeploymentSettings, routing: dict[str, Any], bake_s: int) -> dict[str, Any]:
    waits = routing["WaitIntervalInSeconds"] + bake_s + MARGIN_S
    whole = settings.startup_timeout_s + settings.download_timeout_s + waits
    return {
        "TrafficRoutingConfiguration": routing,
        "TerminationWaitInSeconds": bake_s,
        "MaximumExecutionTimeoutInSeconds": min(max(whole, SHORTEST_S), LONGEST_S),
    }
