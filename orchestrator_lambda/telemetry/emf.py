"""CloudWatch's embedded metric format: groups of numbers as lines of a log.

    {"_aws": {"Timestamp": ..., "CloudWatchMetrics": [{"Namespace", "Dimensions", "Metrics"}]},
     "service": ..., "model": ..., "turns": 12, "time_to_first_chunk": [81.5, 90.2, ...]}

A metric takes 100 values a line. A group with more goes on in further lines; its counts are in the
first one alone. A batch of a thousand events makes a handful of lines instead of a thousand.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from orchestrator_lambda.telemetry.measuring import COUNT, UNITS, Group

MAX_VALUES = 100
SERVICE_DIMENSION = "service"
SERVICE = "keepwarm"


def emf_lines(groups: Iterable[Group], namespace: str) -> list[str]:
    """The lines, without their ends."""
    return [
        json.dumps(document, separators=(",", ":"), allow_nan=False)
        for group in groups
        for document in _documents(group, namespace)
    ]


def _documents(group: Group, namespace: str) -> Iterator[dict[str, object]]:
    longest = max((len(values) for values in group.samples.values()), default=0)
    for start in range(0, max(longest, 1), MAX_VALUES):
        numbers: dict[str, float | list[float]] = dict(group.counts) if start == 0 else {}
        for name, values in group.samples.items():
            part = [float(f"{value:.12g}") for value in values[start : start + MAX_VALUES]]
            if part:
                numbers[name] = part
        if numbers:
            yield _document(group, namespace, numbers)


def _document(
    group: Group, namespace: str, numbers: dict[str, float | list[float]]
) -> dict[str, object]:
    dimensions = dict(group.dimensions)
    sets = [[SERVICE_DIMENSION]]
    if dimensions:
        sets.insert(0, list(dimensions))
    directive = {
        "Namespace": namespace,
        "Dimensions": sets,
        "Metrics": [{"Name": name, "Unit": UNITS.get(name, COUNT)} for name in numbers],
    }
    return {
        "_aws": {"Timestamp": group.minute_ms, "CloudWatchMetrics": [directive]},
        SERVICE_DIMENSION: SERVICE,
        **dimensions,
        **numbers,
    }
