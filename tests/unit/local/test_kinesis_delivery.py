from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from local.kinesis_delivery import Delivery, DeliverySettings
from local.kinesis_event import Origin, StreamRecord
from local.kinesis_shard import MAX_PAYLOAD, payloads

ORIGIN = Origin(stream="events", shard="shardId-000000000000", function="count", region="us-east-1")
NOW = 1_795_000_000.25


def records(*names: str, arrived_s: float = NOW) -> list[StreamRecord]:
    return [
        StreamRecord(
            sequence_number=f"{number:03d}",
            partition_key=name,
            data=name.encode(),
            arrived_s=arrived_s,
        )
        for number, name in enumerate(names, start=1)
    ]


@dataclass
class Function:
    """A function that remembers what it was given; `act` makes its answer out of the names."""

    act: Callable[[list[str]], Any] = lambda names: None
    calls: list[list[str]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    contexts: list[Any] = field(default_factory=list)

    def __call__(self, event: dict[str, Any], context: Any) -> Any:
        self.events.append(event)
        self.contexts.append(context)
        names = [record["kinesis"]["partitionKey"] for record in event["Records"]]
        self.calls.append(names)
        return self.act(names)


@dataclass
class Run:
    """What a delivery did."""

    failures: list[dict[str, Any]] = field(default_factory=list)
    checkpoints: list[str] = field(default_factory=list)
    stopping: threading.Event = field(default_factory=threading.Event)

    def __call__(self, function: Any, items: list[StreamRecord], **settings: Any) -> bool:
        delivery = Delivery(
            ORIGIN,
            function,
            DeliverySettings(**{"retry_wait_s": 0.0, "max_retries": 2, **settings}),
            on_failure=self.failures.append,
            checkpoint=self.checkpoints.append,
            stopping=self.stopping,
            clock=lambda: NOW,
        )
        return delivery.deliver(items)


def naming(*poison: str) -> Callable[[list[str]], Any]:
    """Names the poison records among those given."""

    def act(names: list[str]) -> Any:
        bad = [name for name in names if name in poison]
        numbers = {record.partition_key: record.sequence_number for record in ALL}
        return {"batchItemFailures": [{"itemIdentifier": numbers[name]} for name in bad]}

    return act


def raising(*poison: str) -> Callable[[list[str]], Any]:
    def act(names: list[str]) -> Any:
        if set(names) & set(poison):
            raise RuntimeError("poison")

    return act


ALL = records("a", "b", "c", "d", "e", "f")


def test_a_batch_that_succeeds_is_one_call_and_a_checkpoint():
    run, function = Run(), Function()
    assert run(function, ALL)
    assert function.calls == [["a", "b", "c", "d", "e", "f"]]
    assert run.checkpoints == ["006"]


def test_the_event_has_lambdas_shape():
    run, function = Run(), Function()
    run(function, ALL[:1])
    assert function.events == [
        {
            "Records": [
                {
                    "kinesis": {
                        "kinesisSchemaVersion": "1.0",
                        "partitionKey": "a",
                        "sequenceNumber": "001",
                        "data": "YQ==",
                        "approximateArrivalTimestamp": NOW,
                    },
                    "eventSource": "aws:kinesis",
                    "eventVersion": "1.0",
                    "eventID": "shardId-000000000000:001",
                    "eventName": "aws:kinesis:record",
                    "invokeIdentityArn": "arn:aws:iam::000000000000:role/count",
                    "awsRegion": "us-east-1",
                    "eventSourceARN": "arn:aws:kinesis:us-east-1:000000000000:stream/events",
                }
            ]
        }
    ]
    context = function.contexts[0]
    assert context.function_name == "count"
    assert 0 < context.get_remaining_time_in_millis() <= 60_000


@pytest.mark.parametrize(
    "answer", [None, {}, {"batchItemFailures": []}, {"batchItemFailures": None}]
)
def test_these_answers_mean_that_all_is_done(answer: Any):
    run, function = Run(), Function(lambda names: answer)
    run(function, ALL)
    assert len(function.calls) == 1


@pytest.mark.parametrize(
    "answer",
    [
        {"batchItemFailures": [{"itemIdentifier": ""}]},
        {"batchItemFailures": [{"itemIdentifier": None}]},
        {"batchItemFailures": [{"wrong": "001"}]},
        {"batchItemFailures": [{"itemIdentifier": "no such number"}]},
        {"batchItemFailures": ["001"]},
        ["001"],
        "done",
    ],
)
def test_these_answers_mean_that_nothing_is_done(answer: Any):
    run, function = Run(), Function(lambda names: answer)
    run(function, ALL, bisect=False)
    assert function.calls == [["a", "b", "c", "d", "e", "f"]] * 3
    assert run.failures[0]["KinesisBatchInfo"]["batchSize"] == 6


def test_a_partial_failure_goes_on_from_the_first_failed_record():
    run, function = Run(), Function(naming("d", "f"))
    run(function, ALL, bisect=False, max_retries=1)
    assert function.calls[:2] == [["a", "b", "c", "d", "e", "f"], ["d", "e", "f"]]
    assert run.checkpoints[0] == "003"


def test_without_report_failures_the_answer_is_not_looked_at():
    run, function = Run(), Function(naming("d"))
    run(function, ALL, report_failures=False)
    assert len(function.calls) == 1
    assert run.checkpoints == ["006"]


def test_bisection_isolates_the_poison_record_and_keeps_the_order():
    for act in (naming("c"), raising("c")):
        run, function = Run(), Function(act)
        run(function, ALL)
        (failure,) = run.failures
        info = failure["KinesisBatchInfo"]
        assert (info["batchSize"], info["startSequenceNumber"]) == (1, "003")
        assert run.checkpoints[-1] == "006"
        assert run.checkpoints == sorted(run.checkpoints)


def test_without_bisection_neighbours_are_given_up_with_the_poison_record():
    run, function = Run(), Function(raising("c"))
    run(function, ALL, bisect=False)
    assert len(function.calls) == 3
    assert run.failures[0]["KinesisBatchInfo"]["batchSize"] == 6
    assert run.failures[0]["requestContext"]["approximateInvokeCount"] == 3
    assert run.checkpoints == ["006"]


def test_what_is_given_up_is_written_down_as_lambda_does():
    run, function = Run(), Function(raising("a"))
    run(function, ALL[:2], bisect=False, max_retries=0)
    (failure,) = run.failures
    assert failure["version"] == "1.0"
    assert failure["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert failure["requestContext"]["functionArn"].endswith(":function:count")
    assert failure["responseContext"] == {
        "statusCode": 200,
        "executedVersion": "$LATEST",
        "functionError": "Unhandled",
    }
    assert failure["KinesisBatchInfo"] == {
        "shardId": "shardId-000000000000",
        "startSequenceNumber": "001",
        "endSequenceNumber": "002",
        "approximateArrivalOfFirstRecord": "2026-11-18T11:06:40.250Z",
        "approximateArrivalOfLastRecord": "2026-11-18T11:06:40.250Z",
        "batchSize": 2,
        "streamArn": "arn:aws:kinesis:us-east-1:000000000000:stream/events",
    }
    assert "data" not in str(failure)


def test_a_named_record_is_no_unhandled_error():
    run, function = Run(), Function(naming("a"))
    run(function, ALL[:1], max_retries=0)
    assert run.failures[0]["responseContext"]["functionError"] is None


def test_a_failure_that_passes_loses_nothing():
    left = iter([RuntimeError("throttled"), RuntimeError("throttled")])

    def act(names: list[str]) -> None:
        error = next(left, None)
        if error is not None:
            raise error

    run, function = Run(), Function(act)
    run(function, ALL, bisect=False)
    assert function.calls == [["a", "b", "c", "d", "e", "f"]] * 3
    assert run.failures == []
    assert run.checkpoints == ["006"]


def test_records_that_are_too_old_are_given_up_without_a_call():
    old = records("a", "b", arrived_s=NOW - 100)
    items = [*old, *ALL[2:]]
    run, function = Run(), Function()
    run(function, items, max_age_s=60)
    assert function.calls == [["c", "d", "e", "f"]]
    (failure,) = run.failures
    assert failure["requestContext"]["condition"] == "RecordAgeExceeded"
    assert failure["requestContext"]["approximateInvokeCount"] == 0
    assert "responseContext" not in failure
    assert failure["KinesisBatchInfo"]["batchSize"] == 2
    run, function = Run(), Function()
    run(function, old, max_age_s=60)
    assert function.calls == []
    assert run.checkpoints == ["002"]


def test_retries_without_end_end_when_it_is_stopped():
    run = Run()
    threading.Timer(0.1, run.stopping.set).start()
    began = time.monotonic()
    assert not run(Function(raising("a")), ALL, max_retries=-1, bisect=False, retry_wait_s=5.0)
    assert time.monotonic() - began < 4
    assert run.checkpoints == run.failures == []


def test_a_batch_larger_than_an_invocation_carries_goes_in_several():
    items = [
        StreamRecord(
            sequence_number=str(n), partition_key="p", data=b"x" * 1_000_000, arrived_s=NOW
        )
        for n in range(10)
    ]
    parts = payloads(items)
    assert [record for part in parts for record in part] == items
    assert [len(part) for part in parts] == [4, 4, 2]
    huge = StreamRecord(
        sequence_number="1", partition_key="p", data=b"x" * MAX_PAYLOAD, arrived_s=NOW
    )
    assert payloads([huge, items[0]]) == [[huge], [items[0]]]
    assert payloads([]) == []
