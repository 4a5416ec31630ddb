"""From the orchestrator's events to CloudWatch's lines, through real Kinesis and DynamoDB."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import pytest

from local.kinesis_delivery import DeliverySettings
from local.kinesis_shard import SourceSettings
from local.kinesis_source import KinesisSource
from orchestrator_lambda.telemetry.consumer import Consumer
from orchestrator_lambda.telemetry.kinesis import KinesisTelemetry
from orchestrator_lambda.telemetry.seen import DynamoSeen, table_definition, time_to_live
from tests.support.aws_local import AwsLocal
from tests.support.emf import check_emf, totals
from tests.support.turn_events import ended, now_ms, started
from tests.support.waiting import wait_until


class Lines:
    """Lines from several threads, each held against the format."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._lock = threading.Lock()

    def write(self, lines: Sequence[str]) -> None:
        for line in lines:
            check_emf(line, now_ms())
        with self._lock:
            self.lines.extend(lines)

    def count(self, name: str) -> float:
        with self._lock:
            return totals(self.lines)[name]


@pytest.fixture
def seen(aws: AwsLocal) -> DynamoSeen:
    table = aws.table(table_definition("seen"))
    aws.client("dynamodb").update_time_to_live(
        TableName=table, TimeToLiveSpecification=time_to_live()
    )
    return DynamoSeen(client=aws.client("dynamodb"), table=table, seconds=3600)


def running(aws: AwsLocal, stream: str, handler: Any, failures: list[dict[str, Any]]) -> Any:
    settings = SourceSettings(
        stream=stream,
        batch_size=50,
        poll_s=0.05,
        delivery=DeliverySettings(retry_wait_s=0.01, max_retries=2),
    )
    return KinesisSource(aws.client("kinesis"), handler, settings, on_failure=failures.append)


def test_marks_are_kept_and_found(seen: DynamoSeen):
    names = [f"c_{number}:2:ended" for number in range(230)]
    assert seen.seen(names) == set()
    seen.mark(names[:130])
    assert seen.seen(names) == set(names[:130])
    seen.mark(names)
    assert seen.seen([*names, names[0]]) == set(names)
    assert seen.seen([]) == set()
    seen.mark([])


def test_every_turn_is_counted_once_whatever_comes_twice(aws: AwsLocal, seen: DynamoSeen):
    stream, lines, failures = aws.stream(shards=2), Lines(), []
    subject = KinesisTelemetry(stream, client=aws.client("kinesis"), max_events=2000)
    events = [event for n in range(150) for event in (started(f"c_{n}"), ended(f"c_{n}"))]
    subject.send(events, deadline_ms=30_000)
    subject.send(events[::3], deadline_ms=30_000)
    consumer = Consumer(seen=seen, write=lines.write)
    with running(aws, stream, consumer.consume, failures):
        wait_until(lambda: lines.count("records") >= 400)
    assert lines.count("turns") == lines.count("turns_started") == 150
    assert lines.count("duplicate_events") == 100
    assert failures == []


def test_poison_records_end_as_dead_letters_and_every_turn_is_counted_once(
    aws: AwsLocal, seen: DynamoSeen
):
    stream, lines, failures = aws.stream(), Lines(), []
    kinesis = aws.client("kinesis")
    subject = KinesisTelemetry(stream, client=kinesis)
    for number in range(40):
        subject.send([ended(f"c_{number}")], deadline_ms=30_000)
        if number % 10 == 5:
            kinesis.put_record(StreamName=stream, PartitionKey="x", Data=b"\xff poison")
    consumer = Consumer(seen=seen, write=lines.write)
    with running(aws, stream, consumer.consume, failures):
        wait_until(lambda: len(failures) >= 4 and lines.count("turns") >= 40)
    assert [failure["KinesisBatchInfo"]["batchSize"] for failure in failures] == [1] * 4
    assert lines.count("turns") == 40


def test_a_consumer_that_dies_in_mid_batch_loses_no_turn(aws: AwsLocal, seen: DynamoSeen):
    stream, lines, failures = aws.stream(), Lines(), []
    KinesisTelemetry(stream, client=aws.client("kinesis")).send(
        [ended(f"c_{number}") for number in range(30)], deadline_ms=30_000
    )
    consumer = Consumer(seen=seen, write=lines.write)
    crashes = iter([True, True])

    def handler(event: dict[str, Any], context: Any) -> Any:
        if next(crashes, False):
            raise MemoryError
        return consumer.consume(event, context)

    with running(aws, stream, handler, failures):
        wait_until(lambda: lines.count("turns") >= 30)
    assert lines.count("turns") == 30
    assert failures == []
