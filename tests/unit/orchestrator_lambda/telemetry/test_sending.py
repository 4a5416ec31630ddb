from __future__ import annotations

import json
import threading
import time

import pytest
from botocore.exceptions import ConnectionClosedError, EndpointConnectionError
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator_lambda.telemetry.sending import (
    MAX_BATCH_BYTES,
    MAX_BATCH_RECORDS,
    MAX_RECORD_BYTES,
    KinesisSender,
    Record,
    batches,
    record_of,
    within,
)
from tests.support.fake_kinesis import FakeKinesis, client_error
from tests.support.turn_events import ended, started

REFUSED = EndpointConnectionError(endpoint_url="https://kinesis")


def records(count: int, size: int = 10) -> list[Record]:
    return [Record(f"c_{n}", f"c_{n}:2:ended", _data(n, size)) for n in range(count)]


def _data(number: int, size: int) -> bytes:
    return json.dumps({"event_id": f"c_{number}:2:ended", "pad": "x" * size}).encode()


def send(kinesis: FakeKinesis, items: list[Record], seconds: float = 10.0) -> list[str]:
    sender = KinesisSender("events", kinesis, pause=lambda _: None)
    arrived = sender.send(items, deadline=time.monotonic() + seconds)
    return [record.event_id for record in arrived]


def ids(items: list[Record]) -> list[str]:
    return [record.event_id for record in items]


def test_records_of_a_conversation_share_its_name_as_partition_key():
    kinesis = FakeKinesis()
    send(kinesis, [record_of(started("c_7")), record_of(ended("c_7"))])
    assert [item["PartitionKey"] for item in kinesis.taken] == ["c_7", "c_7"]
    assert kinesis.ids() == ["c_7:2:started", "c_7:2:ended"]


def test_more_than_a_request_takes_goes_in_several():
    kinesis = FakeKinesis()
    items = records(1201)
    assert send(kinesis, items) == ids(items)
    assert [len(call) for call in kinesis.calls] == [500, 500, 201]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, MAX_RECORD_BYTES - 10), max_size=12))
def test_batches_keep_the_limits_and_lose_nothing(sizes: list[int]):
    items = [Record("c", f"c:{n}:ended", b"x" * size) for n, size in enumerate(sizes)]
    parts = list(batches(items))
    assert [item for part in parts for item in part] == items
    for part in parts:
        assert 1 <= len(part) <= MAX_BATCH_RECORDS
        assert sum(item.size for item in part) <= MAX_BATCH_BYTES


def test_kinesis_partial_failure_sends_the_failed_entries_alone_again():
    kinesis = FakeKinesis({1, 3}, {0})
    items = records(5)
    assert sorted(send(kinesis, items)) == ids(items)
    assert [len(call) for call in kinesis.calls] == [5, 2, 1]
    assert sorted(kinesis.ids()) == ids(items)


def test_kinesis_throttled_as_a_whole_is_tried_again():
    kinesis = FakeKinesis(
        client_error("ProvisionedThroughputExceededException"),
        client_error("InternalFailureException", 500),
        client_error("Unheard", 503),
    )
    assert send(kinesis, records(2)) == ids(records(2))
    assert len(kinesis.calls) == 4


def test_kinesis_outage_is_given_up_at_once():
    kinesis = FakeKinesis(*[REFUSED] * 9)
    assert send(kinesis, records(1200)) == []
    assert len(kinesis.calls) == 1


@pytest.mark.parametrize("code", ["ResourceNotFoundException", "AccessDeniedException"])
def test_an_error_that_will_not_pass_is_not_tried_again(code: str):
    kinesis = FakeKinesis(client_error(code), client_error(code))
    assert send(kinesis, records(3)) == []
    assert len(kinesis.calls) == 1


def test_a_connection_that_died_while_frozen_costs_one_more_try():
    kinesis = FakeKinesis(ConnectionClosedError(endpoint_url="https://kinesis"))
    assert send(kinesis, records(2)) == ids(records(2))
    closed = [ConnectionClosedError(endpoint_url="https://kinesis")] * 5
    assert send(FakeKinesis(*closed), records(2)) == []


def test_an_outage_in_the_middle_keeps_what_arrived_before():
    kinesis = FakeKinesis(None, REFUSED)
    items = records(700)
    assert send(kinesis, items) == ids(items[:500])


def test_throttling_that_does_not_end_ends_with_the_deadline():
    kinesis = FakeKinesis(*[{0}] * 10_000)
    sender = KinesisSender("events", kinesis)
    began = time.monotonic()
    arrived = sender.send(records(2), deadline=began + 0.3)
    assert [record.event_id for record in arrived] == ["c_1:2:ended"]
    assert time.monotonic() - began < 5
    assert len(kinesis.calls) < 20


def test_a_call_that_hangs_does_not_hold_up_anybody_beyond_the_deadline():
    released = threading.Event()
    kinesis = FakeKinesis(lambda: released.wait(30) and None)
    began = time.monotonic()
    assert send(kinesis, records(1), seconds=0.1) == []
    assert time.monotonic() - began < 10
    released.set()


def test_without_time_nothing_is_sent():
    kinesis = FakeKinesis()
    assert send(kinesis, records(1), seconds=0) == []
    assert kinesis.calls == []


def test_an_answer_for_another_number_of_records_proves_nothing():
    class Wrong:
        def put_records(self, **_: object) -> dict[str, object]:
            return {"FailedRecordCount": 0, "Records": [{"SequenceNumber": "1"}]}

    sender = KinesisSender("events", Wrong(), pause=lambda _: None)
    assert sender.send(records(2), deadline=time.monotonic() + 5) == []


def test_an_event_that_is_too_large_or_no_json_is_refused():
    with pytest.raises(ValueError, match="too large"):
        record_of(ended() | {"pad": "x" * MAX_RECORD_BYTES})
    with pytest.raises(ValueError, match="too large"):
        record_of({"event_id": f"{'c' * 300}:2:ended"})
    with pytest.raises(ValueError, match="JSON compliant"):
        record_of(ended() | {"keepwarm.queue_ms": float("nan")})
    with pytest.raises(TypeError):
        record_of(ended() | {"pad": {1, 2}})


def test_a_late_call_raises_and_an_early_one_answers():
    assert within(5, lambda: 7) == 7
    with pytest.raises(KeyError):
        within(5, lambda: {}["nothing"])
    with pytest.raises(TimeoutError):
        within(0.01, lambda: time.sleep(0.3))
