from __future__ import annotations

import json
from collections import Counter
from typing import Any

from local.ministack import client
from orchestrator_lambda.telemetry.kinesis import KinesisTelemetry
from orchestrator_lambda.telemetry.sending import KinesisSender
from orchestrator_lambda.telemetry.sweeper import sweep
from tests.support.aws_local import AwsLocal
from tests.support.fake_kinesis import FakeKinesis, client_error
from tests.support.fake_outboxes import FakeOutboxes
from tests.support.turn_events import ended, started


def ids(aws: AwsLocal, stream: str) -> list[str]:
    return [json.loads(data)["event_id"] for data in aws.records(stream)]


def telemetry(kinesis: Any, stream: str) -> KinesisTelemetry:
    sender = KinesisSender(stream, kinesis, pause=lambda _: None)
    return KinesisTelemetry(stream, sender=sender)


def test_events_are_in_the_stream_when_the_flush_says_so(aws: AwsLocal):
    stream = aws.stream(shards=2)
    subject = KinesisTelemetry(stream, client=aws.client("kinesis"), max_events=5000)
    events = [event for n in range(600) for event in (started(f"c_{n}"), ended(f"c_{n}"))]
    for event in events:
        subject.emit(event)
    arrived = subject.flush(deadline_ms=30_000)
    assert sorted(name for _, name in arrived) == sorted(event["event_id"] for event in events)
    assert sorted(ids(aws, stream)) == sorted(event["event_id"] for event in events)


def test_a_conversations_events_share_a_shard(aws: AwsLocal):
    stream = aws.stream(shards=4)
    subject = KinesisTelemetry(stream, client=aws.client("kinesis"))
    for turn in range(10):
        subject.emit(ended("c_same", turn + 1))
    subject.flush(deadline_ms=30_000)
    assert ids(aws, stream) == [f"c_same:{turn + 1}:ended" for turn in range(10)]


def test_kinesis_partial_failures_lose_nothing_and_repeat_nothing(aws: AwsLocal):
    stream = aws.stream()
    kinesis = FakeKinesis(
        set(range(0, 40, 2)), set(range(5)), client_error("ThrottlingException"), {0},
        real=aws.client("kinesis"),
    )  # fmt: skip
    subject = telemetry(kinesis, stream)
    for number in range(40):
        subject.emit(ended(f"c_{number}"))
    assert len(subject.flush(deadline_ms=30_000)) == 40
    assert Counter(ids(aws, stream)) == Counter(f"c_{number}:2:ended" for number in range(40))


def test_a_stream_that_is_not_there_costs_no_exception(aws: AwsLocal):
    subject = KinesisTelemetry(aws.unique("none"), client=aws.client("kinesis"))
    subject.emit(ended("c_1"))
    assert subject.flush(deadline_ms=30_000) == []


def test_kinesis_outage_costs_no_exception_and_the_sweeper_sends_it_later(aws: AwsLocal):
    stream = aws.stream()
    events = [started("c_1"), ended("c_1"), ended("c_2")]
    outboxes = FakeOutboxes(*events)
    nowhere = client("kinesis", "http://127.0.0.1:9")
    subject = KinesisTelemetry(stream, client=nowhere)
    for event in events:
        subject.emit(event)
    assert subject.flush(deadline_ms=10_000) == []
    assert aws.records(stream) == []

    sweeper = KinesisTelemetry(stream, client=aws.client("kinesis"))
    swept = sweep(outboxes, sweeper, now_ms=10**13, remaining_ms=lambda: 60_000)
    assert swept.complete and swept.cleared == 3
    assert sorted(ids(aws, stream)) == ["c_1:2:ended", "c_1:2:started", "c_2:2:ended"]
    assert outboxes.entries == {}


def test_every_event_arrives_at_least_once_through_any_faults(aws: AwsLocal):
    stream = aws.stream(shards=2)
    faults: list[Any] = [
        client_error("InternalFailure", 500), set(range(3)), None, client_error("Forbidden", 403),
        {1}, client_error("ThrottlingException"), None, {0, 1},
    ]  # fmt: skip
    subject = telemetry(FakeKinesis(*faults * 6, real=aws.client("kinesis")), stream)
    events = [ended(f"c_{number}") for number in range(60)]
    outboxes = FakeOutboxes(*events)
    for number, event in enumerate(events):
        subject.emit(event)
        if number % 3 == 0:
            for conversation_id, event_id in subject.flush(deadline_ms=5_000):
                outboxes.clear_outbox(conversation_id, 2, [event_id])
    while not sweep(outboxes, subject, now_ms=10**13, remaining_ms=lambda: 60_000, page=7).complete:
        pass
    assert outboxes.entries == {}
    assert set(ids(aws, stream)) == {event["event_id"] for event in events}
