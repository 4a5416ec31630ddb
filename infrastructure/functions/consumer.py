"""The consumer: events out of Kinesis become metrics; what nobody can read goes to dead letters."""

from __future__ import annotations

from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infrastructure import contract
from infrastructure.data.events import Events
from infrastructure.data.history import HistoryTables
from infrastructure.environment import consumer_environment
from infrastructure.functions import policies
from infrastructure.functions.dead_letters import DeadLetters
from infrastructure.functions.shared import Place, Spec, make_function
from infrastructure.network.security import SecurityGroups
from infrastructure.settings import Stage

MEMORY_MB, TIMEOUT_S = 256, 60
KEY_SERVICES = ("dynamodb", "kinesis", "sqs")
LONGEST_AGE_S = 7 * 24 * 3600  # that Lambda takes
WINDOW_S = 5
"""Metrics may be this late, and small batches are rare."""


class Consumer(Construct):
    """The function and its place at the stream.

    A batch with poison in it is halved until the poison is alone; only that goes to the dead
    letters, after the set number of tries or when the stream would lose it.

    Attributes:
        function: under AWS's own runtime.
        dead_letters: the queue.
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
        events: Events,
        dead_letters: DeadLetters,
    ) -> None:
        super().__init__(scope, id)
        self.dead_letters = dead_letters.events
        stream = events.stream.stream_arn
        spec = Spec(
            about="Keepwarm: counts telemetry into CloudWatch",
            handler=contract.CONSUMER_HANDLER,
            memory_mb=MEMORY_MB,
            timeout_s=TIMEOUT_S,
            environment=consumer_environment(stage),
            statements=[
                policies.marks(tables.marks),
                policies.read_events(stream),
                policies.dead_letters(self.dead_letters.queue_arn),
            ],
            key_services=KEY_SERVICES,
        )
        place = Place(stage=stage, vpc=vpc, group=security.consumer, key=key)
        self.function = make_function(self, place, spec)
        self._read(stage, stream)

    def _read(self, stage: Stage, stream: str) -> None:
        mapping = lambda_.CfnEventSourceMapping
        mapping(
            self,
            "Telemetry",
            function_name=self.function.function_name,
            event_source_arn=stream,
            starting_position="TRIM_HORIZON",
            batch_size=stage.events.batch_size,
            maximum_batching_window_in_seconds=WINDOW_S,
            parallelization_factor=stage.events.parallel,
            bisect_batch_on_function_error=True,
            function_response_types=["ReportBatchItemFailures"],
            maximum_retry_attempts=stage.events.max_retries,
            maximum_record_age_in_seconds=min(stage.events.retention_hours * 3600, LONGEST_AGE_S),
            destination_config=mapping.DestinationConfigProperty(
                on_failure=mapping.OnFailureProperty(destination=self.dead_letters.queue_arn)
            ),
        ).node.add_dependency(self.function.role)  # the mapping is checked against its policy
