"""Every metric of ours that is shown or alarmed on is one that our code emits."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from contextlib import redirect_stdout
from typing import Any

import pytest

from container.telemetry import Telemetry
from infrastructure.contract import METRICS_NAMESPACE
from infrastructure.fleet import names as fleet
from infrastructure.watch.widgets import SCRAPED
from orchestrator_lambda.observability.metrics import RequestMetrics
from orchestrator_lambda.telemetry.consumer import Consumer
from orchestrator_lambda.telemetry.events import turn_ended, turn_started
from orchestrator_lambda.telemetry.prices import parse_prices
from orchestrator_lambda.telemetry.settings import ConsumerSettings
from tests.support.capacity_boxes import watch_template
from tests.support.turn_events import batch, now_ms

Name = tuple[str, str, frozenset[str]]
PRICES = (
    '{"currency": "USD", "date": "2026-11-01", "source": "test", "models": '
    '{"*": {"input": 1, "cached_input": 1, "output": 1}}}'
)


@pytest.fixture(scope="module")
def emitted() -> set[Name]:
    """Namespace, name and dimensions of all that consumer and orchestrator write."""
    lines: list[str] = []
    events = [
        turn_started(conversation_id="c", answer_seq=1, now_ms=now_ms(), model="m"),
        _ended(),
    ]
    consumer = Consumer(
        namespace=ConsumerSettings().namespace, write=lines.extend, clock=lambda: now_ms() / 1000
    )
    consumer.consume(batch(events))
    return {name for line in [*lines, _requests()] for name in _names(json.loads(line))}


def test_alarms_are_on_metrics_that_are_emitted(emitted: set[Name]):
    for namespace, name, dimensions in _alarmed():
        if namespace == METRICS_NAMESPACE:
            assert (namespace, name, dimensions) in emitted


def test_graphs_are_of_metrics_that_are_emitted(emitted: set[Name]):
    shown = [one for one in _shown() if one[0] == METRICS_NAMESPACE]
    assert len({name for _, name, _ in shown}) >= 25
    assert [one for one in shown if one not in emitted] == []


def test_searches_are_for_metrics_that_are_emitted(emitted: set[Name]):
    searches = re.findall(r"SEARCH\('\{(\w+),([\w,]+)\} MetricName=\"(\w+)\"", _expressions())
    assert len(searches) == 4
    for namespace, dimensions, name in searches:
        assert (namespace, name, frozenset(dimensions.split(","))) in emitted


def test_graphs_of_the_fleet_are_of_metrics_that_its_instances_write():
    shown = {(name, dims) for space, name, dims in _shown() if space == fleet.NAMESPACE}
    assert shown == {(name, frozenset({fleet.GROUP_DIMENSION})) for name in fleet.METRICS}


def test_the_queries_are_of_metrics_that_the_container_has():
    has = set(re.findall(r"^([a-z_:]+)(?:\{| )", _container_metrics(), re.MULTILINE))
    assert [name for name in SCRAPED if name not in has] == []
    assert all(name in _body_text() for name in SCRAPED)


def test_the_consumer_writes_where_the_dashboard_reads():
    assert ConsumerSettings().namespace == METRICS_NAMESPACE


def _ended() -> dict[str, Any]:
    receipt = {
        "prompt_tokens": 100,
        "cached_tokens": 60,
        "completion_tokens": 20,
        "queue_ms": 1.0,
        "prefill_ms": 2.0,
        "decode_ms": 300.0,
        "ttft_ms": 5.0,
    }
    return turn_ended(
        conversation_id="c",
        answer_seq=1,
        began_ms=now_ms() - 1000,
        now_ms=now_ms(),
        model="m",
        outcome="complete",
        receipt=receipt,
        prices=parse_prices(PRICES),
    )


def _requests() -> str:
    out = io.StringIO()
    with redirect_stdout(out):
        RequestMetrics(source="rest", status=200, duration_ms=1.0, first_byte_ms=1.0).emit()
    return out.getvalue()


def _names(document: dict[str, Any]) -> Iterator[Name]:
    for directive in document["_aws"]["CloudWatchMetrics"]:
        for dimensions in directive["Dimensions"]:
            for metric in directive["Metrics"]:
                yield directive["Namespace"], metric["Name"], frozenset(dimensions)


def _alarmed() -> Iterator[Name]:
    for alarm in watch_template().of_type("AWS::CloudWatch::Alarm"):
        stats = [
            one["MetricStat"]["Metric"] for one in alarm.get("Metrics", []) if "MetricStat" in one
        ]
        for metric in stats or [alarm]:
            dimensions = frozenset(one["Name"] for one in metric["Dimensions"])
            yield metric["Namespace"], metric["MetricName"], dimensions


def _shown() -> list[Name]:
    found = []
    for widget in _body()["widgets"]:
        for line in widget["properties"].get("metrics", []):
            if isinstance(line[0], str):
                texts = [one for one in line if isinstance(one, str)]
                found.append((texts[0], texts[1], frozenset(texts[2::2])))
    return found


def _expressions() -> str:
    lines = [line for one in _body()["widgets"] for line in one["properties"].get("metrics", [])]
    return " ".join(line[0]["expression"] for line in lines if isinstance(line[0], dict))


def _body() -> dict[str, Any]:
    body: dict[str, Any] = json.loads(_body_text())
    return body


def _body_text() -> str:
    """The dashboard's JSON, with a word for each of the alarms' ARNs."""
    body = watch_template().only("AWS::CloudWatch::Dashboard")["DashboardBody"]
    parts = body["Fn::Join"][1] if isinstance(body, dict) else [body]
    return "".join(one if isinstance(one, str) else "arn" for one in parts)


def _container_metrics() -> str:
    telemetry = Telemetry(
        stats=lambda: None,
        info=lambda: None,
        active=lambda: 0,
        sessions=lambda: 0,
        serving=lambda: True,
    )
    telemetry.first_token.observe(1)
    telemetry.note_interval(1, 1)
    return telemetry.text().decode()
