from __future__ import annotations

import logging
import subprocess
import sys
import threading
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from orchestrator_lambda.telemetry.kinesis import KinesisTelemetry, NoTelemetry
from orchestrator_lambda.telemetry.sending import KinesisSender
from tests.support.fake_kinesis import FakeKinesis, Fault
from tests.support.turn_events import ended, started

REFUSED = EndpointConnectionError(endpoint_url="https://kinesis")


def telemetry(*faults: Fault | None, **options: Any) -> tuple[KinesisTelemetry, FakeKinesis]:
    kinesis = FakeKinesis(*faults)
    sender = KinesisSender("events", kinesis, pause=lambda _: None)
    return KinesisTelemetry("events", sender=sender, **options), kinesis


def test_a_flush_sends_what_was_emitted_and_says_what_arrived():
    subject, kinesis = telemetry()
    subject.emit(started("c_1"))
    subject.emit(ended("c_1"))
    assert subject.flush(deadline_ms=1000) == [("c_1", "c_1:2:started"), ("c_1", "c_1:2:ended")]
    assert kinesis.ids() == ["c_1:2:started", "c_1:2:ended"]
    assert subject.flush(deadline_ms=1000) == []
    assert len(kinesis.calls) == 1


def test_an_event_is_taken_as_it_is_when_it_is_emitted():
    subject, kinesis = telemetry()
    event = ended("c_1")
    subject.emit(event)
    event["event_id"] = "changed"
    subject.flush(deadline_ms=1000)
    assert kinesis.ids() == ["c_1:2:ended"]


def test_after_an_outage_the_next_flush_sends_everything():
    subject, kinesis = telemetry(REFUSED)
    subject.emit(started("c_1"))
    assert subject.flush(deadline_ms=1000) == []
    subject.emit(ended("c_1"))
    assert [name for _, name in subject.flush(deadline_ms=1000)] == [
        "c_1:2:started",
        "c_1:2:ended",
    ]
    assert kinesis.ids() == ["c_1:2:started", "c_1:2:ended"]


def test_during_a_long_outage_no_more_is_kept_than_the_bound():
    subject, kinesis = telemetry(*[REFUSED] * 50, max_events=10)
    for turn in range(40):
        subject.emit(ended("c_1", turn + 1))
        subject.flush(deadline_ms=1000)
    kinesis.faults.clear()
    assert len(subject.flush(deadline_ms=1000)) == 10


def test_a_full_queue_drops_and_says_so(caplog: pytest.LogCaptureFixture):
    subject, _ = telemetry(max_events=3)
    for turn in range(5):
        subject.emit(ended("c_1", turn + 1))
    with caplog.at_level(logging.WARNING):
        assert len(subject.flush(deadline_ms=1000)) == 3
    assert "2 events had no place" in caplog.text


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"event_id": "c_1"},
        {"event_id": "c_1:2:ended", "x": {1}},
        {"event_id": "c_1:2:ended", "x": float("inf")},
        {"event_id": "c_1:2:ended", "x": "y" * 2_000_000},
    ],
)
def test_an_event_that_cannot_be_sent_raises_nothing(event: dict[str, Any]):
    subject, _ = telemetry()
    subject.emit(event)
    subject.emit(ended("c_9"))
    assert subject.flush(deadline_ms=1000) == [("c_9", "c_9:2:ended")]


def test_no_word_of_an_event_is_logged(caplog: pytest.LogCaptureFixture):
    subject, _ = telemetry(REFUSED)
    with caplog.at_level(logging.DEBUG):
        subject.emit({"event_id": "c_1:2:ended", "x": {"a secret word"}})
        subject.emit(ended("c_1") | {"x": "another secret"})
        subject.flush(deadline_ms=1000)
    assert "secret" not in caplog.text


def test_a_failure_of_our_own_raises_nothing_and_loses_nothing():
    class Broken:
        def send(self, *_: object, **__: object) -> list[object]:
            raise ZeroDivisionError

    subject, _ = telemetry()
    good, subject._sender = subject._sender, Broken()  # type: ignore[assignment]
    subject.emit(ended("c_1"))
    assert subject.flush(deadline_ms=1000) == []
    subject._sender = good
    assert subject.flush(deadline_ms=1000) == [("c_1", "c_1:2:ended")]


def test_events_from_many_threads_all_arrive():
    subject, kinesis = telemetry(max_events=10_000)
    arrived: list[tuple[str, str]] = []

    def emit(thread: int) -> None:
        for turn in range(100):
            subject.emit(ended(f"c_{thread}", turn + 1))
            if turn % 10 == 0:
                arrived.extend(subject.flush(deadline_ms=5000))

    threads = [threading.Thread(target=emit, args=[number]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    arrived += subject.flush(deadline_ms=5000)
    assert len(arrived) == len(set(arrived)) == 800
    assert len(kinesis.ids()) == 800


def test_events_of_an_outbox_are_sent_past_the_queue():
    subject, kinesis = telemetry({1})
    subject.emit(ended("c_queued"))
    assert subject.send([ended("c_1"), {"bad": 1}, ended("c_2")], deadline_ms=1000) == [
        ("c_1", "c_1:2:ended"),
        ("c_2", "c_2:2:ended"),
    ]
    assert kinesis.ids() == ["c_1:2:ended", "c_2:2:ended"]


def test_events_of_an_outbox_that_do_not_arrive_are_not_kept():
    subject, _ = telemetry(REFUSED)
    assert subject.send([ended("c_1")], deadline_ms=1000) == []
    assert subject.flush(deadline_ms=1000) == []


def test_without_a_stream_every_event_counts_as_arrived():
    subject = NoTelemetry(max_events=2)
    for turn in (1, 2, 3):
        subject.emit(ended("c_1", turn))
    subject.emit({"no": "id"})
    assert subject.flush(deadline_ms=0) == [("c_1", "c_1:2:ended"), ("c_1", "c_1:3:ended")]
    assert subject.flush(deadline_ms=0) == []
    assert subject.send([ended("c_2")], deadline_ms=0) == [("c_2", "c_2:2:ended")]


def test_neither_boto3_nor_powertools_is_imported_before_it_is_needed():
    program = (
        "import sys\n"
        "import orchestrator_lambda.telemetry.consumer, orchestrator_lambda.telemetry.kinesis\n"
        "import orchestrator_lambda.telemetry.sweeper\n"
        "print(sorted({name.split('.')[0] for name in sys.modules} & "
        "{'boto3', 'botocore', 'aws_lambda_powertools'}))"
    )
    printed = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert printed.stdout.strip() == "[]"
