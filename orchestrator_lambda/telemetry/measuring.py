"""What is counted of an event: pure data, from event to groups of numbers.

Groups are by kind, dimensions and minute. Samples keep each value, so that CloudWatch has their
percentiles; counts are added up.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from orchestrator_lambda.telemetry.cache import CacheClass
from orchestrator_lambda.telemetry.events import DELETED, STARTED
from orchestrator_lambda.telemetry.records import ReadEvent

MINUTE_MS = 60_000
# CloudWatch takes two weeks of the past and two hours of the future.
OLDEST_MS = 14 * 24 * 60 * MINUTE_MS - 60 * MINUTE_MS
AHEAD_MS = 5 * MINUTE_MS
NO_NAME = "none"
MAX_DIMENSION = 250

MILLISECONDS, COUNT, NONE = "Milliseconds", "Count", "None"
UNITS = {
    "time_to_first_chunk": MILLISECONDS,
    "inter_token_latency": MILLISECONDS,
    "turn_duration": MILLISECONDS,
    "queue_time": MILLISECONDS,
    "prefill_time": MILLISECONDS,
    "decode_time": MILLISECONDS,
    "cache_hit_share": NONE,
    "cost": NONE,
}
"""Unit of each metric; all others are counts."""

_UNFIT = re.compile(r"[^\x21-\x7e]")

Dimensions = tuple[tuple[str, str], ...]


@dataclass
class Group:
    """Numbers that share their dimensions and their minute.

    Attributes:
        dimensions: (name, value); the group counts under all of them together and, once more, under
            the service alone.
        minute_ms: Unix milliseconds.
    """

    dimensions: Dimensions
    minute_ms: int
    samples: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    counts: dict[str, float] = field(default_factory=lambda: defaultdict(float))


def measure(events: Iterable[ReadEvent], now_ms: int) -> list[Group]:
    """The groups of some events, each event in one."""
    groups: dict[tuple[str, Dimensions, int], Group] = {}
    for event in events:
        dimensions, minute = _dimensions(event), _minute(event, now_ms)
        key = (event.kind, dimensions, minute)
        group = groups.setdefault(key, Group(dimensions, minute))
        _add(group, event)
    return list(groups.values())


def _add(group: Group, event: ReadEvent) -> None:
    if event.kind == STARTED:
        group.counts["turns_started"] += 1
    elif event.kind == DELETED:
        group.counts["conversations_deleted"] += 1
    else:
        for name, value in _samples(event).items():
            if value is not None:
                group.samples[name].append(value)
        for name, value in _counts(event).items():
            group.counts[name] += value


def _samples(event: ReadEvent) -> dict[str, float | None]:
    first_chunk = event.number("gen_ai.response.time_to_first_chunk")
    read, cached = _input(event)
    return {
        "time_to_first_chunk": None if first_chunk is None else first_chunk * 1000,
        "inter_token_latency": _inter_token(event),
        "turn_duration": event.number("keepwarm.duration_ms"),
        "queue_time": event.number("keepwarm.queue_ms"),
        "prefill_time": event.number("keepwarm.prefill_ms"),
        "decode_time": event.number("keepwarm.decode_ms"),
        "input_tokens": read,
        "cached_input_tokens": cached,
        "fresh_input_tokens": None if read is None or cached is None else read - cached,
        "output_tokens": event.number("gen_ai.usage.output_tokens"),
        "cache_hit_share": cached / read if read and cached is not None else None,
        "cost": event.number("keepwarm.cost.total"),
    }


def _counts(event: ReadEvent) -> dict[str, float]:
    found = event.text("keepwarm.cache.class")
    counts = {
        "turns": 1.0,
        "failed": float(event.text("keepwarm.outcome") == "error"),
        "truncated": float(_truncated(event)),
        "continued": float((event.number("keepwarm.continuations") or 0) > 0),
        "taken_over": float((event.number("keepwarm.takeovers") or 0) > 0),
        "degraded": float(event.fields.get("keepwarm.degraded") is True),
    }
    return counts | {f"cache_{kind.value}": float(found == kind) for kind in CacheClass}


def _input(event: ReadEvent) -> tuple[float | None, float | None]:
    """Tokens of the prompt, and those of them that were cached."""
    read = event.number("gen_ai.usage.input_tokens")
    cached = event.number("gen_ai.usage.cache_read.input_tokens")
    if read is None or cached is None:
        return read, cached
    return read, min(read, cached)


def _inter_token(event: ReadEvent) -> float | None:
    """Mean time from one token to the next, by the machine that made them."""
    decode, tokens = event.number("keepwarm.decode_ms"), event.number("gen_ai.usage.output_tokens")
    if decode is None or tokens is None or tokens < 2:
        return None
    return decode / (tokens - 1)


def _truncated(event: ReadEvent) -> bool:
    """Whether the answer had begun and was not brought to its end, by the model or the reader."""
    began = (event.number("gen_ai.usage.output_tokens") or 0) > 0
    return event.text("keepwarm.outcome") == "error" and began


def _dimensions(event: ReadEvent) -> Dimensions:
    model = ("model", _name(event.text("gen_ai.request.model")))
    if event.kind == DELETED:
        return ()
    if event.kind == STARTED:
        return (model,)
    outcome = event.text("keepwarm.outcome")
    return (
        model,
        ("variant", _name(event.text("keepwarm.variant"))),
        ("outcome", _name(outcome)),
    )


def _name(text: str) -> str:
    """A value that CloudWatch takes: printable ASCII, not empty, not long."""
    return _UNFIT.sub("_", text)[:MAX_DIMENSION] or NO_NAME


def _minute(event: ReadEvent, now_ms: int) -> int:
    """When the event counts.

    A sweeper may bring it days later, and it still counts when it happened. Where that cannot be,
    since a clock was wrong or CloudWatch would refuse it, it counts when Kinesis took it.
    """
    moment = now_ms
    for candidate in (event.time_ms, event.arrived_ms):
        if now_ms - OLDEST_MS <= candidate <= now_ms + AHEAD_MS:
            moment = int(candidate)
            break
    return moment // MINUTE_MS * MINUTE_MS
