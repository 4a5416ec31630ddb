"""The hook that holds an ending instance until `scripts/drain.sh` on it lets go."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_autoscaling as autoscaling

from infrastructure.fleet.names import FleetNames

STREAM_S = 480
"""Longest answer: the container cuts a stream at 470 s."""

DRAIN_S = 25
"""What the container takes after SIGTERM."""

HOLD_S = 600
"""How long the group waits for an instance that does not say that it is done."""


def hold_until_drained(group: autoscaling.AutoScalingGroup, names: FleetNames) -> None:
    """An instance that ends for whatever reason waits for its script, then goes on ending."""
    group.add_lifecycle_hook(
        "Drain",
        lifecycle_hook_name=names.hook,
        lifecycle_transition=autoscaling.LifecycleTransition.INSTANCE_TERMINATING,
        heartbeat_timeout=cdk.Duration.seconds(HOLD_S),
        default_result=autoscaling.DefaultResult.CONTINUE,
    )
