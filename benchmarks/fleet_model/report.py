"""Rows as Markdown tables, one for each part of the matrix, and what the sizing comes to."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from benchmarks.fleet_model.device import device_of
from benchmarks.fleet_model.results import Row
from benchmarks.grid import seconds, share

OBJECTIVE_S = 1.0  # TTFT p99 that a fleet of the right size keeps

Cell = Callable[[Row], str]

_COLUMNS: tuple[tuple[str, Cell], ...] = (
    ("routing", lambda row: row.scenario.routing),
    ("host tier", lambda row: "yes" if row.scenario.host_tier else "no"),
    ("instances", lambda row: str(row.scenario.instances)),
    ("hit share", lambda row: share(row.outcome.hit_share)),
    ("at best", lambda row: share(row.outcome.best_share)),
    ("on paper", lambda row: share(row.outcome.paper_share)),
    ("TTFT p50", lambda row: seconds(row.outcome.ttft_p50)),
    ("TTFT p99", lambda row: seconds(row.outcome.ttft_p99)),
    ("GPU hours / million turns", lambda row: f"{row.outcome.gpu_hours_a_million:.0f}"),
    ("preemptions", lambda row: str(row.outcome.preemptions)),
    ("429", lambda row: str(row.outcome.refused)),
    ("in flight", lambda row: f"{row.outcome.in_flight:.1f}"),
)
_EXTRA: dict[str, tuple[str, Cell]] = {
    "threshold": (
        "threshold, burst",
        lambda row: f"{row.scenario.threshold:g} x running, {row.scenario.burst:g} x",
    ),
    "pace": (
        "leaving",
        lambda row: (
            f"{row.scenario.leaving}, "
            + (f"one each {row.scenario.every_s:.0f} s" if row.scenario.every_s else "at once")
        ),
    ),
}


def parts(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Rows by part, in the order of the matrix."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row.scenario.part, []).append(row)
    return found


def markdown(rows: list[Row]) -> str:
    """The whole report."""
    first = rows[0].scenario
    text = [f"# A fleet of {first.device} in simulation", _about(rows)]
    for part, found in parts(rows).items():
        text += [f"## {part.capitalize()}", _table(part, found)]
    sizes = smallest(rows)
    if sizes:
        text += [f"## The smallest fleet with TTFT p99 under {OBJECTIVE_S:g} s", _sizes(sizes)]
    return "\n\n".join(text) + "\n"


def smallest(rows: Iterable[Row]) -> dict[str, Row | None]:
    """For each routing of the sizing, the smallest fleet that keeps the objective, if any does."""
    found: dict[str, Row | None] = {}
    sizing = [row for row in rows if row.scenario.part == "sizing"]
    for row in sorted(sizing, key=lambda row: -row.scenario.instances):
        keeps = row.outcome.ttft_p99 <= OBJECTIVE_S
        best = found.setdefault(row.scenario.routing, None)
        larger_fails = best is None and row.scenario.instances < max(
            it.scenario.instances for it in sizing
        )
        if keeps and not larger_fails:
            found[row.scenario.routing] = row
    return found


def _about(rows: list[Row]) -> str:
    first = rows[0].scenario
    device = device_of(first.device)
    traffic = first.traffic
    turns = sum(row.outcome.turns for row in rows)
    return "\n".join(
        (
            "Nothing here was measured on a GPU or on AWS: real schedulers and block pools, steps "
            "by a roofline of data sheets.\n",
            f"- Llama 3.1 8B, bfloat16; {device.capacity_tokens:,} tokens of KV in "
            f"{device.num_blocks} blocks; {device.limits.running} running and "
            f"{device.limits.waiting} waiting requests; host tier {device.host_blocks} blocks",
            f"- {first.turns_s:g} turns/s an instance unless the part is about that; on average "
            f"{traffic.turns:g} turns of {traffic.question:g} + {traffic.answer:g} tokens behind a "
            f"system prompt of {traffic.system} ({traffic.apps} applications), "
            f"{traffic.pause:g} s between them (long pauses: 120 s)",
            f"- {len(rows)} runs, seed {first.seed}, {turns:,} turns in their windows",
            "- at best: a pool that forgets nothing; on paper: at best x min(1, capacity / "
            "(active sessions x tokens a session))",
        )
    )


def _table(part: str, rows: list[Row]) -> str:
    columns = [*([_EXTRA[part]] if part in _EXTRA else []), *_COLUMNS]
    return _grid(
        [name for name, _ in columns], [[cell(row) for _, cell in columns] for row in rows]
    )


def _sizes(sizes: dict[str, Row | None]) -> str:
    lines = [
        [name, "-", "-"]
        if row is None
        else [name, str(row.scenario.instances), f"{row.outcome.gpu_hours_a_million:.0f}"]
        for name, row in sizes.items()
    ]
    return _grid(["routing", "instances", "GPU hours / million turns"], lines)


def _grid(header: list[str], lines: list[list[str]]) -> str:
    rule = ["---"] + ["---:"] * (len(header) - 1)
    return "\n".join("| " + " | ".join(line) + " |" for line in (header, rule, *lines))
