"""Log groups that forget by the stage's settings, whichever box writes to them."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from constructs import Construct

from infrastructure.settings import Stage


def log_group(
    scope: Construct,
    id: str,
    *,
    stage: Stage,
    key: kms.IKey | None = None,
    name: str | None = None,
) -> logs.LogGroup:
    """A group that keeps entries for `function.log_days`.

    Args:
        scope: the box that it belongs to.
        id: its name in the box.
        stage: says how long, and whether the group outlives its stack.
        key: encrypts it; without one CloudWatch does with a key of its own.
        name: only where AWS wants a certain one.
    """
    group = logs.LogGroup(
        scope,
        id,
        log_group_name=name,
        encryption_key=key,
        removal_policy=cdk.RemovalPolicy.RETAIN if stage.retains else cdk.RemovalPolicy.DESTROY,
    )
    # The library's enum has no way from a number; the resource takes the number itself.
    resource = group.node.default_child
    if isinstance(resource, logs.CfnLogGroup):
        resource.retention_in_days = stage.function.log_days
    return group
