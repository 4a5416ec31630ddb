from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from typing import Any

import pytest

from orchestrator_lambda.telemetry import consumer as module
from orchestrator_lambda.telemetry.consumer import Consumer
from orchestrator_lambda.telemetry.seen import DynamoSeen, StillUnprocessed
from tests.support.emf import check_emf, totals
from tests.support.turn_events import batch, ended, now_ms, started


class Marks:
    """Marks in memory; a store that can be down, and a process that can die."""

    def __init__(self) -> None:
        self.ids: set[str] = set()
        self.deaf = self.dumb = self.dies = False

    def seen(self, event_ids: Sequence[str]) -> set[str]:
        if self.deaf:
            raise ConnectionError
        return self.ids & set(event_ids)

    def mark(self, event_ids: Sequence[str]) -> None:
        if self.dies:
            raise SystemExit
        if self.dumb:
            raise ConnectionError
        self.ids.update(event_ids)


class Lines(list[str]):
    def write(self, lines: Sequence[str]) -> None:
        for line in lines:
            check_emf(line, now_ms())
        self.extend(lines)


def subject() -> tuple[Consumer, Lines, Marks]:
    lines, marks = Lines(), Marks()
    return Consumer(seen=marks, write=lines.write), lines, marks


def failures(answer: dict[str, Any]) -> list[int]:
    return [int(item["itemIdentifier"]) for item in answer["batchItemFailures"]]


def test_a_batch_is_counted_and_nothing_failed():
    consumer, lines, _ = subject()
    answer = consumer.consume(batch([started("c_1"), ended("c_1"), ended("c_2")]))
    assert answer == {"batchItemFailures": []}
    assert totals(lines)["turns"] == 2
    assert totals(lines)["turns_started"] == 1
    assert totals(lines)["records"] == 3


def test_a_thousand_records_make_few_lines():
    consumer, lines, _ = subject()
    events = [event for n in range(500) for event in (started(f"c_{n}"), ended(f"c_{n}"))]
    consumer.consume(batch(events))
    assert len(lines) <= 15
    assert totals(lines)["turns"] == 500


def test_poison_records_are_named_and_good_ones_behind_them_are_counted():
    consumer, lines, _ = subject()
    answer = consumer.consume(
        batch(
            [
                ended("c_1"),
                b"no json",
                ended("c_2"),
                "%no base64%",
                {"schema_version": 9},
                started(),
            ]
        )
    )
    assert failures(answer) == [2, 4, 5]
    assert totals(lines)["turns"] == 2
    assert totals(lines)["turns_started"] == 1
    assert totals(lines)["poison_records"] == 3


def test_a_batch_of_nothing_but_poison_is_an_answer_and_no_exception():
    consumer, lines, _ = subject()
    assert failures(consumer.consume(batch([b"a", b"b"]))) == [1, 2]
    assert totals(lines)["poison_records"] == 2


def test_no_word_of_a_poison_record_is_logged(caplog: pytest.LogCaptureFixture):
    consumer, lines, _ = subject()
    with caplog.at_level(logging.DEBUG):
        consumer.consume(batch([b"a secret word", {"schema_version": 9, "text": "secret"}]))
    assert "secret" not in caplog.text + "".join(lines)


def test_duplicates_in_a_batch_count_once():
    consumer, lines, _ = subject()
    event = ended("c_1")
    consumer.consume(batch([event, event, event]))
    assert totals(lines)["turns"] == 1
    assert totals(lines)["duplicate_events"] == 2


def test_duplicates_in_a_later_batch_count_once():
    consumer, lines, _ = subject()
    event = ended("c_1")
    consumer.consume(batch([event]))
    consumer.consume(batch([event, ended("c_2")]))
    assert totals(lines)["turns"] == 2
    assert totals(lines)["duplicate_events"] == 1


def test_good_records_that_come_again_with_a_poison_one_count_once():
    consumer, lines, _ = subject()
    poisoned = batch([b"poison", ended("c_1"), ended("c_2")])
    for _ in range(4):
        assert failures(consumer.consume(poisoned)) == [1]
    assert totals(lines)["turns"] == 2


def test_a_crash_between_lines_and_marks_counts_twice_and_never_not_at_all():
    consumer, lines, marks = subject()
    marks.dies = True
    with pytest.raises(SystemExit):
        consumer.consume(batch([ended("c_1")]))
    assert totals(lines)["turns"] == 1
    marks.dies = False
    consumer.consume(batch([ended("c_1")]))
    assert totals(lines)["turns"] == 2


def test_a_crash_before_the_lines_leaves_no_mark():
    consumer, lines, marks = subject()
    broken = Consumer(seen=marks, write=lambda _: (_ for _ in ()).throw(OSError()))
    with pytest.raises(OSError):
        broken.consume(batch([ended("c_1")]))
    consumer.consume(batch([ended("c_1")]))
    assert totals(lines)["turns"] == 1


def test_marks_that_cannot_be_read_or_written_stop_nothing():
    consumer, lines, marks = subject()
    marks.deaf = marks.dumb = True
    assert consumer.consume(batch([ended("c_1")])) == {"batchItemFailures": []}
    assert totals(lines)["turns"] == 1
    assert totals(lines)["dedupe_failures"] == 1


def test_an_event_that_is_no_batch_is_refused():
    consumer, _, _ = subject()
    for event in ({}, {"Records": None}, {"requestContext": {}}):
        with pytest.raises(ValueError, match="no Kinesis records"):
            consumer.consume(event)


def test_the_functions_handler_writes_to_standard_output(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(module, "configure_logging", lambda level: None)
    monkeypatch.setenv("KEEPWARM_METRICS_NAMESPACE", "Mine")
    monkeypatch.delenv("KEEPWARM_DEDUPE_TABLE", raising=False)
    module._consumer.cache_clear()
    try:
        assert module.handler(batch([ended("c_1")]), None) == {"batchItemFailures": []}
    finally:
        module._consumer.cache_clear()
    lines = capsys.readouterr().out.splitlines()
    assert totals(lines)["turns"] == 1
    for line in lines:
        document = check_emf(line, now_ms())
        assert document["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "Mine"


class Slow:
    """DynamoDB that takes one entry of each request and leaves the rest unprocessed."""

    def __init__(self) -> None:
        self.items: dict[str, Any] = {}

    def batch_write_item(self, *, RequestItems: dict[str, Any]) -> dict[str, Any]:
        ((table, puts),) = RequestItems.items()
        item = puts[0]["PutRequest"]["Item"]
        self.items[item["id"]["S"]] = item
        return {"UnprocessedItems": {table: puts[1:]} if puts[1:] else {}}

    def batch_get_item(self, *, RequestItems: dict[str, Any]) -> dict[str, Any]:
        ((table, request),) = RequestItems.items()
        first, *rest = request["Keys"]
        found = [self.items[first["id"]["S"]]] if first["id"]["S"] in self.items else []
        left = {table: {**request, "Keys": rest}} if rest else {}
        return {"Responses": {table: found}, "UnprocessedKeys": left}


def test_a_throttled_table_is_asked_again_for_the_rest_and_not_for_ever():
    slow = Slow()
    marks = DynamoSeen(
        client=slow, table="t", seconds=60, clock=lambda: 1000.5, pause=lambda _: None
    )
    marks.mark(["a", "b", "a", "c"])
    assert marks.seen(["c", "x", "a"]) == {"a", "c"}
    assert slow.items["a"]["ttl"] == {"N": "1060"}
    with pytest.raises(StillUnprocessed):
        marks.mark([str(number) for number in range(20)])
    assert json.dumps(slow.items)
