"""Kinesis: what happened in turns, on its way to the consumer."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_kms as kms
from constructs import Construct

from infrastructure import contract
from infrastructure.settings import Stage


class Events(Construct):
    """The stream: on demand, encrypted, kept for days so that a consumer may be down for a while.

    Attributes:
        stream: partitioned by conversation.
    """

    def __init__(self, scope: Construct, id: str, *, stage: Stage, key: kms.IKey) -> None:
        super().__init__(scope, id)
        self.stream = kinesis.Stream(
            self,
            "Stream",
            stream_name=contract.resource_names(stage).stream,
            stream_mode=kinesis.StreamMode.ON_DEMAND,
            encryption=kinesis.StreamEncryption.KMS,
            encryption_key=key,
            retention_period=cdk.Duration.hours(stage.events.retention_hours),
            removal_policy=cdk.RemovalPolicy.RETAIN if stage.retains else cdk.RemovalPolicy.DESTROY,
        )
