"""Queues of what nobody could do: encrypted, kept for two weeks, watched by alarms."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infrastructure.settings import Stage

KEPT_DAYS = 14


class DeadLetters(Construct):
    """One queue for each source. None ever holds a word of a message.

    Attributes:
        sweeps: schedules and wake-ups that the sweeper failed at.
        events: batches that the consumer gave up; they say where in the stream the records are.
    """

    def __init__(self, scope: Construct, id: str, *, stage: Stage, key: kms.IKey) -> None:
        super().__init__(scope, id)
        self._stage, self._key = stage, key
        self.sweeps = self._queue("Sweeps")
        self.events = self._queue("Events")

    def _queue(self, id: str) -> sqs.Queue:
        return sqs.Queue(
            self,
            id,
            encryption=sqs.QueueEncryption.KMS,
            encryption_master_key=self._key,
            enforce_ssl=True,
            retention_period=cdk.Duration.days(KEPT_DAYS),
            removal_policy=cdk.RemovalPolicy.RETAIN
            if self._stage.retains
            else cdk.RemovalPolicy.DESTROY,
        )
