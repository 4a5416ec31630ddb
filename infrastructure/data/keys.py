"""The customer's key: all that is kept is encrypted by it."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from infrastructure.settings import Stage

USE = ("kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey", "kms:ReEncryptFrom", "kms:ReEncryptTo")


class Keys(Construct):
    """One key for the stage, rotated every year; who uses it is said by IAM policies.

    AWS's own services have no such policy: those that write by themselves are in the key's, each
    for the resources of this account alone.

    Attributes:
        data: the key.
    """

    def __init__(self, scope: Construct, id: str, *, stage: Stage) -> None:
        super().__init__(scope, id)
        self.data = kms.Key(
            self,
            "Data",
            description=f"Keepwarm {stage.name}: tables, texts, events, sessions, logs, queues",
            enable_key_rotation=True,
            pending_window=cdk.Duration.days(30 if stage.retains else 7),
            removal_policy=cdk.RemovalPolicy.RETAIN if stage.retains else cdk.RemovalPolicy.DESTROY,
        )
        self.data.add_to_resource_policy(_logs(stage))
        self.data.add_to_resource_policy(_alarms(stage))


def _logs(stage: Stage) -> iam.PolicyStatement:
    """Log groups of this account and region."""
    groups = f"arn:{cdk.Aws.PARTITION}:logs:{stage.region}:{stage.account}:log-group:*"
    return iam.PolicyStatement(
        sid="LogGroups",
        principals=[iam.ServicePrincipal(f"logs.{stage.region}.amazonaws.com")],
        actions=[*USE, "kms:DescribeKey"],
        resources=["*"],  # in a key's policy: this key
        conditions={"ArnLike": {"kms:EncryptionContext:aws:logs:arn": groups}},
    )


def _alarms(stage: Stage) -> iam.PolicyStatement:
    """What hands alarms to the encrypted topic."""
    return iam.PolicyStatement(
        sid="Alarms",
        principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
        actions=["kms:Decrypt", "kms:GenerateDataKey"],
        resources=["*"],  # in a key's policy: this key
        conditions={"StringEquals": {"aws:SourceAccount": stage.account}},
    )
