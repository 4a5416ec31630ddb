"""The rules of CloudWatch's embedded metric format, held against a line."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

UNITS = {
    "Seconds", "Microseconds", "Milliseconds", "Bytes", "Kilobytes", "Megabytes", "Gigabytes",
    "Terabytes", "Bits", "Kilobits", "Megabits", "Gigabits", "Terabits", "Percent", "Count",
    "Bytes/Second", "Count/Second", "None",
}  # fmt: skip
MAX_LINE = 1024 * 1024
DAY_MS = 24 * 3600 * 1000


def check_emf(line: str, now_ms: int) -> dict[str, Any]:
    """The document of a line. Raises AssertionError for whatever CloudWatch would not take."""
    assert len(line.encode()) <= MAX_LINE and "\n" not in line
    document = json.loads(line, parse_constant=_no_constant)
    head = document["_aws"]
    assert set(head) == {"Timestamp", "CloudWatchMetrics"}
    assert type(head["Timestamp"]) is int
    assert now_ms - 14 * DAY_MS <= head["Timestamp"] <= now_ms + 2 * 3600 * 1000
    assert head["CloudWatchMetrics"]
    for directive in head["CloudWatchMetrics"]:
        _check_directive(directive, document)
    return document


def _check_directive(directive: dict[str, Any], document: dict[str, Any]) -> None:
    assert set(directive) == {"Namespace", "Dimensions", "Metrics"}
    assert 1 <= len(directive["Namespace"]) <= 255
    assert directive["Dimensions"]
    for names in directive["Dimensions"]:
        assert 1 <= len(names) <= 30 and len(set(names)) == len(names)
        for name in names:
            value = document[name]
            assert isinstance(value, str) and value.strip() and len(value) <= 1024
            assert value.isascii() and value.isprintable()
    metrics = directive["Metrics"]
    assert 1 <= len(metrics) <= 100
    assert len({metric["Name"] for metric in metrics}) == len(metrics)
    for metric in metrics:
        assert set(metric) == {"Name", "Unit"} and metric["Unit"] in UNITS
        assert 1 <= len(metric["Name"]) <= 255 and not metric["Name"].startswith(":")
        _check_values(document[metric["Name"]])


def _check_values(value: Any) -> None:
    values = value if isinstance(value, list) else [value]
    assert 1 <= len(values) <= 100
    for number in values:
        assert type(number) in (int, float) and math.isfinite(number)


def _no_constant(name: str) -> float:
    raise AssertionError(f"{name} is no JSON")


def totals(lines: Iterable[str]) -> dict[str, float]:
    """Sum of each metric over all lines, as CloudWatch has it under the service."""
    sums: dict[str, float] = defaultdict(float)
    for line in lines:
        document = json.loads(line)
        for metric in document["_aws"]["CloudWatchMetrics"][0]["Metrics"]:
            value = document[metric["Name"]]
            sums[metric["Name"]] += sum(value) if isinstance(value, list) else value
    return sums
