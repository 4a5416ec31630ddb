from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from orchestrator_lambda.telemetry.emf import emf_lines
from orchestrator_lambda.telemetry.events import conversation_deleted
from orchestrator_lambda.telemetry.measuring import MINUTE_MS, measure
from orchestrator_lambda.telemetry.prices import Price, PriceTable
from orchestrator_lambda.telemetry.records import ReadEvent, read_record
from tests.support.emf import check_emf, totals
from tests.support.turn_events import PREVIOUS, RECEIPT, ended, started

NOW = 1_795_000_000_000 // MINUTE_MS * MINUTE_MS + 30_000
DAY = 24 * 60 * MINUTE_MS


def read(event: dict[str, Any], arrived_ms: float = NOW) -> ReadEvent:
    return read_record(base64.b64encode(json.dumps(event).encode()).decode(), arrived_ms / 1000)


def end(number: int = 0, **changes: Any) -> ReadEvent:
    return read(ended(f"c_{number}", **{"began_ms": NOW - 300, "now_ms": NOW, **changes}))


def lines(*events: ReadEvent) -> list[str]:
    found = emf_lines(measure(events, NOW), "Keepwarm")
    for line in found:
        check_emf(line, NOW)
    return found


def one(*events: ReadEvent) -> dict[str, Any]:
    (line,) = lines(*events)
    return json.loads(line)


def test_a_turn_becomes_a_line_of_metrics():
    prices = PriceTable(models={"*": Price(input=1.0, cached_input=0.1, output=2.0)})
    document = one(end(prices=prices, degraded=True))
    assert document["turns"] == 1
    assert document["time_to_first_chunk"] == [45.0]
    assert document["inter_token_latency"] == [20.0]
    assert document["turn_duration"] == [300.0]
    assert document["queue_time"] == [2.5]
    assert document["input_tokens"] == [120.0]
    assert document["cached_input_tokens"] == [96.0]
    assert document["fresh_input_tokens"] == [24.0]
    assert document["output_tokens"] == [11.0]
    assert document["cache_hit_share"] == [0.8]
    assert document["cost"] == [pytest.approx(0.0000556)]
    assert document["degraded"] == 1
    assert document["cache_hit"] == 1
    assert document["failed"] == document["truncated"] == document["cache_eviction"] == 0


def test_dimensions_are_model_variant_and_outcome_and_the_service_alone():
    directive = one(end())["_aws"]["CloudWatchMetrics"][0]
    assert directive["Dimensions"] == [["model", "variant", "outcome"], ["service"]]
    document = one(end(user_hash="f" * 32))
    assert (document["model"], document["variant"], document["outcome"]) == (
        "keepwarm",
        "blue",
        "complete",
    )
    assert "f" * 32 not in json.dumps(document)
    assert "c_0" not in json.dumps(document)


def test_units_are_said():
    metrics = one(end())["_aws"]["CloudWatchMetrics"][0]["Metrics"]
    units = {metric["Name"]: metric["Unit"] for metric in metrics}
    assert units["turns"] == "Count"
    assert units["time_to_first_chunk"] == "Milliseconds"
    assert units["cache_hit_share"] == "None"


def test_a_thousand_turns_make_few_lines_and_no_value_is_lost():
    found = lines(*(end(number) for number in range(1000)))
    assert len(found) == 10
    assert totals(found)["turns"] == 1000
    assert totals(found)["output_tokens"] == 11_000


def test_each_outcome_has_its_line():
    found = lines(end(1), end(2, outcome="stopped"), end(3, outcome="error", error_code="x"))
    assert sorted(json.loads(line)["outcome"] for line in found) == ["complete", "error", "stopped"]


def test_an_answer_cut_short_is_truncated_and_one_that_never_began_is_not():
    cut = one(end(outcome="error", receipt={}, output_tokens=12))
    assert (cut["failed"], cut["truncated"]) == (1, 1)
    never = one(end(outcome="error", receipt={}))
    assert (never["failed"], never["truncated"]) == (1, 0)
    assert "input_tokens" not in never and "cache_hit_share" not in never


def test_continuations_and_takeovers_are_counted_by_turn():
    document = one(end(receipt=RECEIPT | {"continuations": 3, "takeovers": 1}))
    assert (document["continued"], document["taken_over"]) == (1, 1)


@pytest.mark.parametrize(
    ("cached", "instance", "name"),
    [
        (96, "i-1", "cache_hit"),
        (0, "i-2", "cache_routing_miss"),
        (0, "i-1", "cache_eviction"),
    ],
)
def test_cache_classes_are_counted_apart(cached: int, instance: str, name: str):
    receipt = RECEIPT | {"cached_tokens": cached, "instance": instance}
    document = one(end(receipt=receipt, previous=PREVIOUS))
    classes = ("cache_hit", "cache_routing_miss", "cache_eviction", "cache_cold")
    assert {key: document[key] for key in classes} == {key: float(key == name) for key in classes}


def test_starts_and_deletions_are_counted():
    begun = one(read(started(now_ms=NOW)))
    assert begun["turns_started"] == 1
    assert begun["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["model"], ["service"]]
    gone = one(read(conversation_deleted(conversation_id="c_1", now_ms=NOW)))
    assert gone["conversations_deleted"] == 1
    assert gone["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["service"]]


def test_a_turn_that_the_sweeper_brought_counts_when_it_happened():
    late = end(1, now_ms=NOW - 3 * DAY)
    assert one(late)["_aws"]["Timestamp"] == (NOW - 3 * DAY) // MINUTE_MS * MINUTE_MS


@pytest.mark.parametrize("skew", [-400 * DAY, -14 * DAY, 10 * MINUTE_MS, 2 * DAY])
def test_clock_skew_of_a_producer_counts_at_the_arrival(skew: int):
    event = ended("c_1", began_ms=0, now_ms=NOW + skew)
    document = one(read(event, arrived_ms=NOW - 5 * MINUTE_MS))
    assert document["_aws"]["Timestamp"] == (NOW - 5 * MINUTE_MS) // MINUTE_MS * MINUTE_MS


def test_clock_skew_of_everybody_counts_now():
    event = ended("c_1", began_ms=0, now_ms=NOW + 9 * DAY)
    document = one(read(event, arrived_ms=0))
    assert document["_aws"]["Timestamp"] == NOW // MINUTE_MS * MINUTE_MS


def test_a_name_that_cloudwatch_refuses_is_made_fit():
    event = ended("c_1", now_ms=NOW, began_ms=NOW)
    for name in ("modèle dupont\n", "", " " * 5, "x" * 2000, "\x00", "☃"):
        lines(read(event | {"gen_ai.request.model": name, "keepwarm.variant": name}))


def test_more_cached_than_read_is_no_share_above_one():
    event = ended("c_1", now_ms=NOW, began_ms=NOW) | {"gen_ai.usage.cache_read.input_tokens": 999}
    assert one(read(event))["cache_hit_share"] == [1.0]
    assert one(read(event))["fresh_input_tokens"] == [0.0]


def test_an_empty_prompt_and_a_single_token_divide_by_nothing():
    document = one(end(receipt=RECEIPT | {"prompt_tokens": 0, "completion_tokens": 1}))
    assert "cache_hit_share" not in document and "inter_token_latency" not in document


def test_nothing_makes_no_lines():
    assert lines() == []
