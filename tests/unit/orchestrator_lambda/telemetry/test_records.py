from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator_lambda.telemetry.events import conversation_deleted
from orchestrator_lambda.telemetry.records import PoisonRecord, read_record
from tests.support.turn_events import ended, started


def encoded(event: Any) -> str:
    raw = event if isinstance(event, bytes) else json.dumps(event).encode()
    return base64.b64encode(raw).decode()


def reason(data: Any) -> str:
    with pytest.raises(PoisonRecord) as poison:
        read_record(data, 1.0)
    return poison.value.reason


def test_our_events_are_read():
    deleted = conversation_deleted(conversation_id="c_1", now_ms=9)
    for event in (started(), ended(), deleted):
        read = read_record(encoded(event), 5.5)
        assert (read.event_id, read.kind) == (event["event_id"], event["kind"])
        assert read.time_ms == event["time_ms"]
        assert read.arrived_ms == 5500


def test_a_newer_producer_may_say_more():
    assert read_record(encoded(ended() | {"gen_ai.new": {"a": [1]}}), 1.0).kind == "ended"


@pytest.mark.parametrize("data", [None, 5, "%%%", "abc", "é", "YWJj!"])
def test_what_is_no_base64_is_poison(data: Any):
    assert reason(data) == "not_base64"


@pytest.mark.parametrize(
    "raw", [b"", b"hello", b"\xff\xfe", b'{"a": NaN}', b'{"a": Infinity}', b"[" * 100_000]
)
def test_what_is_no_json_is_poison(raw: bytes):
    assert reason(encoded(raw)) == "not_json"


@pytest.mark.parametrize("value", [[], "text", 5, None, True])
def test_what_is_no_object_is_poison(value: Any):
    assert reason(encoded(value)) == "no_object"


@pytest.mark.parametrize("version", [None, 0, 2, 99, "1", 1.0, True])
def test_another_schema_is_poison(version: Any):
    assert reason(encoded(ended() | {"schema_version": version})) == "unknown_schema"


@pytest.mark.parametrize("kind", [None, "exploded", 5, ["ended"]])
def test_another_kind_is_poison(kind: Any):
    assert reason(encoded(ended() | {"kind": kind})) == "unknown_kind"


@pytest.mark.parametrize("event_id", [None, 5, "", "c_1", "a:b:c:d", f"{'c' * 5000}:2:ended"])
def test_an_event_without_id_is_poison(event_id: Any):
    assert reason(encoded(ended() | {"event_id": event_id})) == "no_id"


@pytest.mark.parametrize("time", [None, "now", -1, True, 10**400])
def test_an_event_without_time_is_poison(time: Any):
    assert reason(encoded(ended() | {"time_ms": time})) == "no_time"


@pytest.mark.parametrize("value", ["5", None, True, -1, 1e300, [1], 10**400])
def test_a_measurement_that_is_no_number_is_poison(value: Any):
    assert reason(encoded(ended() | {"keepwarm.queue_ms": value})) == "not_a_number"


def test_a_name_that_is_no_text_is_poison():
    assert reason(encoded(ended() | {"gen_ai.request.model": 5})) == "not_a_text"


def test_an_arrival_that_is_not_known_is_no_poison():
    assert read_record(encoded(ended()), None).arrived_ms == 0


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_an_event_or_poison(raw: bytes):
    with pytest.raises(PoisonRecord):
        read_record(encoded(raw), 1.0)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=5,
)


@settings(max_examples=50, deadline=None)
@given(st.sampled_from(sorted(ended())), json_values)
def test_any_change_of_an_event_leaves_an_event_or_poison(name: str, value: Any):
    try:
        read_record(encoded(ended() | {name: value}), 1.0)
    except PoisonRecord as poison:
        assert poison.reason
