"""The report's part on speed: the levels as a table, and three plots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.reporting.blocks import Bullets, Plot, Section, Table, number, seconds, share
from pipelines.reporting.svg import Line, line_chart

HEADER = (
    "at a time", "tokens/s", "TTFT p50", "p95", "p99", "ITL p50", "p99", "found warm",
    "complete", "truncated", "failed",
)  # fmt: skip

Level = Mapping[str, Any]


def speed_section(benchmark: Mapping[str, Any]) -> Section:
    """What benchmark.json says."""
    levels: Sequence[Level] = benchmark["levels"]
    intro = (
        f"{benchmark['target']}, running on {benchmark['place']}: conversations of "
        f"{benchmark['turns']} turns, {benchmark['new_tokens']} tokens an answer, greedy. "
        "TTFT: from sending to the first text. ITL: from one piece of text to the next."
    )
    errors = tuple(dict.fromkeys(error for level in levels for error in level["errors"]))
    return Section(
        "Speed",
        (
            intro,
            Table(HEADER, tuple(_row(level) for level in levels)),
            _throughput(levels),
            _first_token(levels),
            _by_turn(levels[-1]),
            Bullets(errors),
        ),
    )


def _row(level: Level) -> tuple[str, ...]:
    found = level["overall"]
    return (
        str(level["concurrency"]),
        number(level["tokens_per_s"], 1),
        *(seconds(found[name]) for name in ("ttft_p50", "ttft_p95", "ttft_p99")),
        *(seconds(found[name]) for name in ("itl_p50", "itl_p99")),
        share(found["cached_share"]),
        f"{level['complete']}/{level['asked']}",
        str(level["truncated"]),
        str(level["failed"]),
    )


def _throughput(levels: Sequence[Level]) -> Plot:
    points = _points(levels, lambda level: level["tokens_per_s"])
    title = "Throughput"
    chart = line_chart(title, "conversations at a time", "output tokens/s", [Line("all", points)])
    return Plot("plot-throughput", title, chart)


def _first_token(levels: Sequence[Level]) -> Plot:
    title = "Time to first token"
    lines = [
        Line(name, _points(levels, lambda level, key=key: level["overall"][key]))
        for name, key in (("p50", "ttft_p50"), ("p95", "ttft_p95"), ("p99", "ttft_p99"))
    ]
    return Plot("plot-ttft", title, line_chart(title, "conversations at a time", "s", lines))


def _by_turn(level: Level) -> Plot:
    """How the cache shows: later turns have longer prompts and no longer waits."""
    title = f"Median time to first token by turn, {level['concurrency']} at a time"
    turns = list(enumerate(level["by_turn"], start=1))
    points = tuple((float(at), one["ttft_p50"]) for at, one in turns if one["ttft_p50"] is not None)
    return Plot("plot-ttft-by-turn", title, line_chart(title, "turn", "s", [Line("p50", points)]))


def _points(levels: Sequence[Level], get: Any) -> tuple[tuple[float, float], ...]:
    found = [(float(level["concurrency"]), get(level)) for level in levels]
    return tuple((x, y) for x, y in found if y is not None)
