"""The sweeper: the orchestrator's code, called by the clock and by new messages.

    every `sweep_minutes`                       --> always: deletions go on, dead turns end
    a message was written, two minutes ago      --> an outbox left behind is sent soon

It may not generate: it only ends what others began.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_events as schedule
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infrastructure import contract
from infrastructure.data.events import Events
from infrastructure.data.history import HistoryTables
from infrastructure.data.sessions import SessionStore
from infrastructure.data.texts import Texts
from infrastructure.functions import policies
from infrastructure.functions.dead_letters import DeadLetters
from infrastructure.functions.shared import Place, Spec, make_function
from infrastructure.network.security import SecurityGroups
from infrastructure.settings import Stage
from orchestrator_lambda.history import schema

MEMORY_MB, TIMEOUT_S = 512, 300
KEY_SERVICES = ("dynamodb", "kinesis", "s3", "sqs")

WINDOW_S = 120
"""Longer than a turn must have been silent to be swept (`telemetry.sweeper.OLDER_THAN_MS`)."""

WAKE_RECORDS, WAKE_AGE_S, WAKE_RETRIES = 1000, 3600, 2
NEW_MESSAGES = {
    "eventName": ["INSERT"],
    "dynamodb": {"Keys": {schema.SK: {"S": [{"prefix": contract.NEW_MESSAGE}]}}},
}


class Sweeper(Construct):
    """The function, its schedule, and the table's stream that wakes it.

    Attributes:
        function: runs the orchestrator's handler under AWS's own runtime.
        rule: the schedule.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        stage: Stage,
        vpc: ec2.IVpc,
        security: SecurityGroups,
        key: kms.IKey,
        tables: HistoryTables,
        texts: Texts,
        events: Events,
        sessions: SessionStore,
        environment: Mapping[str, str],
        dead_letters: DeadLetters,
    ) -> None:
        super().__init__(scope, id)
        stream = stream_of(tables.table)
        statements = [
            policies.history(tables.table, schema.PENDING_INDEX),
            *policies.texts(texts.bucket),
            policies.send_events(events.stream.stream_arn),
            policies.sign_in(sessions.arns),
            *policies.read_changes(stream),
            policies.dead_letters(dead_letters.sweeps.queue_arn),
        ]
        spec = Spec(
            about="Keepwarm: ends dead turns, finishes deletions, sends what is in outboxes",
            handler=contract.ORCHESTRATOR_HANDLER,
            memory_mb=MEMORY_MB,
            timeout_s=TIMEOUT_S,
            environment=environment,
            statements=statements,
            key_services=KEY_SERVICES,
            # One at a time, where the account's concurrency is shared out anyway.
            reserved=1 if stage.function.reserved_concurrency else 0,
        )
        place = Place(stage=stage, vpc=vpc, group=security.sweeper, key=key)
        self.function = make_function(self, place, spec)
        self.rule = self._by_the_clock(stage, dead_letters)
        self._by_new_messages(stream, dead_letters)

    def _by_the_clock(self, stage: Stage, dead_letters: DeadLetters) -> schedule.Rule:
        """What fails is not tried again: the next minute will."""
        minutes = cdk.Duration.minutes(stage.function.sweep_minutes)
        lambda_.CfnEventInvokeConfig(
            self,
            "OnFailure",
            function_name=self.function.function_name,
            qualifier="$LATEST",
            maximum_retry_attempts=0,
            maximum_event_age_in_seconds=max(60, int(minutes.to_seconds())),
            destination_config=lambda_.CfnEventInvokeConfig.DestinationConfigProperty(
                on_failure=lambda_.CfnEventInvokeConfig.OnFailureProperty(
                    destination=dead_letters.sweeps.queue_arn
                )
            ),
        )
        return schedule.Rule(
            self,
            "Schedule",
            description="Keepwarm: sweeps what dead invocations left behind",
            schedule=schedule.Schedule.rate(minutes),
            targets=[targets.LambdaFunction(self.function, retry_attempts=0)],
        )

    def _by_new_messages(self, stream: str, dead_letters: DeadLetters) -> None:
        """All that came in a window is one wake-up."""
        mapping = lambda_.CfnEventSourceMapping
        mapping(
            self,
            "NewMessages",
            function_name=self.function.function_name,
            event_source_arn=stream,
            starting_position="LATEST",
            batch_size=WAKE_RECORDS,
            maximum_batching_window_in_seconds=WINDOW_S,
            maximum_record_age_in_seconds=WAKE_AGE_S,
            maximum_retry_attempts=WAKE_RETRIES,
            parallelization_factor=1,
            filter_criteria=mapping.FilterCriteriaProperty(
                filters=[mapping.FilterProperty(pattern=json.dumps(NEW_MESSAGES))]
            ),
            destination_config=mapping.DestinationConfigProperty(
                on_failure=mapping.OnFailureProperty(destination=dead_letters.sweeps.queue_arn)
            ),
        ).node.add_dependency(self.function.role)  # the mapping is checked against its policy


def stream_of(table: dynamodb.Table) -> str:
    """ARN of the table's stream.

    Raises:
        ValueError: it has none.
    """
    if not table.table_stream_arn:
        raise ValueError(f"the table {table.table_name} has no stream that could wake the sweeper")
    return table.table_stream_arn
