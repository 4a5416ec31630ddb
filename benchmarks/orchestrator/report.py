"""What was measured, as rows of a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from pipelines.speed.summary import percentile

FIRST = slice(10, 60)  # the cut of the history has not moved yet, and all is warm
LAST = slice(-50, None)


class Row(NamedTuple):
    """One number: its median, and its 99th percentile where it has one."""

    what: str
    median: str
    p99: str = ""


def rows(found: Mapping[str, Any]) -> list[Row]:
    """The rows of what `python -m benchmarks.orchestrator` has found."""
    imports, ttft, units = found["imports"], found["ttft_s"], found["units"]
    return [
        Row("import of boto3", f"{imports['boto3_ms']:.0f} ms"),
        Row("import of the handler beside it", f"{imports['handler_ms']:.0f} ms"),
        _times("first text, container alone", ttft["container"]),
        _times("first text, through the orchestrator", ttft["orchestrator"]),
        _times("first text, added", added(ttft["container"], ttft["orchestrator"])),
        *_units("write", units["writes"]),
        *_units("read", units["reads"]),
        Row("telemetry events lost", str(units["events_lost"])),
    ]


def added(alone: Sequence[float], through: Sequence[float]) -> list[float]:
    """What each request took longer than the one asked directly just before it."""
    return [one - other for one, other in zip(through, alone, strict=True)]


def _times(what: str, seconds: Sequence[float]) -> Row:
    return Row(what, *(f"{1000 * (percentile(seconds, q) or 0):.1f} ms" for q in (0.5, 0.99)))


def _units(kind: str, values: Sequence[float]) -> Iterator[Row]:
    for when, part in (("turns 11 to 60", FIRST), ("the last 50 turns", LAST)):
        quantiles = (f"{percentile(values[part], q) or 0:g}" for q in (0.5, 0.99))
        yield Row(f"DynamoDB {kind} units a turn, {when}", *quantiles)
