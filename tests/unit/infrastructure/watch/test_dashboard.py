"""The dashboard: alarms first, then from what a user feels down to what it runs on."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from tests.support.capacity_boxes import WATCHED, watch_template

COLUMNS = 24


def test_it_is_called_like_the_stage():
    assert _dashboard()["DashboardName"] == "keepwarm-prod"


def test_all_alarms_are_at_the_top():
    first = _widgets()[0]
    assert (first["type"], first["y"]) == ("alarm", 0)
    alarms = len(watch_template().of_type("AWS::CloudWatch::Alarm"))
    assert len(first["properties"]["alarms"]) == alarms


def test_everything_that_the_architecture_has_is_on_it():
    wanted = (
        "first token",
        "between tokens",
        "Cached share",
        "what the cache did",
        "in trouble",
        "cost",
        "API",
        "Lambda: running at once",
        "Lambda: throttles",
        "DynamoDB",
        "Redis: CPU and memory",
        "Redis: evictions",
        "Events: age",
        "Dead letters",
        "Endpoint",
        "Fleet: instances",
        "KV cache",
    )
    titles = " | ".join(_titles())
    assert [one for one in wanted if one not in titles] == []


def test_no_widget_is_wider_than_the_dashboard_and_none_lies_on_another():
    taken: set[tuple[int, int]] = set()
    for one in _widgets():
        cells = {
            (x, y)
            for x in range(one["x"], one["x"] + one["width"])
            for y in range(one["y"], one["y"] + one["height"])
        }
        assert max(x for x, _ in cells) < COLUMNS
        assert not cells & taken
        taken |= cells


def test_the_floor_of_the_cached_share_is_drawn():
    (graph,) = [one for one in _widgets() if "Cached share" in one["properties"].get("title", "")]
    (line,) = graph["properties"]["annotations"]["horizontal"]
    assert line["value"] == 0.5


def test_cost_is_summed_by_the_hour():
    (graph,) = [one for one in _widgets() if "cost" in one["properties"].get("title", "")]
    (line,) = graph["properties"]["metrics"]
    assert line[1] == "cost"
    assert line[-1]["period"] == 3600 and line[-1]["stat"] == "Sum"


def test_without_a_fleet_there_is_no_row_of_one():
    watched = replace(WATCHED, fleet_group="", fleet_balancer="")
    assert not any(one.startswith("Fleet") for one in _titles(watched))


def _titles(watched: Any = WATCHED) -> list[str]:
    return [one["properties"].get("title", "") for one in _widgets(watched)]


def _widgets(watched: Any = WATCHED) -> list[dict[str, Any]]:
    body = _dashboard(watched)["DashboardBody"]
    parts = body["Fn::Join"][1]
    text = "".join(one if isinstance(one, str) else "arn" for one in parts)
    widgets: list[dict[str, Any]] = json.loads(text)["widgets"]
    return widgets


def _dashboard(watched: Any = WATCHED) -> dict[str, Any]:
    return watch_template(watched).only("AWS::CloudWatch::Dashboard")
