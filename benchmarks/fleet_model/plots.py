"""Plots of the matrix: hit share and TTFT by part, growth of the fleet, sizing. PNG and SVG."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import matplotlib as mpl

from benchmarks.fleet_model.report import OBJECTIVE_S, parts
from benchmarks.fleet_model.results import Row
from benchmarks.plots import write_figure

_EVENTS = ("steady", "long pauses", "burst", "scale-in", "loss")


class Draw(Protocol):
    """Draws rows on axes."""

    def __call__(self, axes: Any, rows: list[Row]) -> None:
        """Draw."""


def write_plots(rows: list[Row], stem: Path) -> list[Path]:
    """Draw what there are rows for, beside `stem`."""
    mpl.use("Agg")  # no display is needed, nor looked for
    known = parts(rows)
    return [
        path
        for name, (needed, draw) in _PLOTS.items()
        if needed in known
        for path in write_figure(stem.with_name(f"{stem.name}-{name}"), partial(draw, rows=rows))
    ]


def _draw_hits(axes: Any, rows: list[Row]) -> None:
    """A group of bars for each event; the host tier is the same bar, hatched."""
    _bars(axes, rows, lambda row: 100 * row.outcome.hit_share)
    axes.set(ylabel="cached prompt tokens, %", title="Hit share (hatched: with a host tier)")


def _draw_ttft(axes: Any, rows: list[Row]) -> None:
    _bars(axes, rows, lambda row: row.outcome.ttft_p99)
    axes.set(ylabel="seconds (log)", title="TTFT p99 (hatched: with a host tier)")
    axes.set_yscale("log")


def _bars(axes: Any, rows: list[Row], value: Callable[[Row], float]) -> None:
    known = parts(rows)
    events = [name for name in _EVENTS if name in known]
    shown = [row for name in events for row in known[name]]
    routings = list(dict.fromkeys(row.scenario.routing for row in shown))
    kinds = [(routing, tier) for routing in routings for tier in (False, True)]
    width = 0.85 / len(kinds)
    for place, (routing, tier) in enumerate(kinds):
        found = [
            (at, value(row))
            for at, name in enumerate(events)
            for row in known[name]
            if (row.scenario.routing, row.scenario.host_tier) == (routing, tier)
        ]
        axes.bar(
            [at + (place - len(kinds) / 2) * width for at, _ in found],
            [height for _, height in found],
            width,
            color=f"C{routings.index(routing)}",
            hatch="//" if tier else None,
            edgecolor="white",
            label=None if tier else routing,
        )
    axes.set_xticks(range(len(events)), events)
    axes.figure.legend(
        loc="outside lower center", frameon=False, ncols=len(routings), fontsize="small"
    )


def _draw_growth(axes: Any, rows: list[Row]) -> None:
    """Hit share over the number of instances, each with the same load."""
    shown = parts(rows)["fleet size"]
    _lines(axes, shown, lambda row: 100 * row.outcome.hit_share)
    axes.set_xscale("log", base=2)
    sizes = sorted({row.scenario.instances for row in shown})
    axes.set_xticks(sizes, [str(size) for size in sizes])
    axes.set(
        xlabel="instances, each with the same load (log)",
        ylabel="cached prompt tokens, %",
        title="Growth of the fleet",
    )


def _draw_sizing(axes: Any, rows: list[Row]) -> None:
    """TTFT p99 over the number of instances that share one load."""
    _lines(axes, parts(rows)["sizing"], lambda row: row.outcome.ttft_p99)
    axes.axhline(OBJECTIVE_S, color="grey", linestyle=":", linewidth=1)
    axes.set_yscale("log")
    axes.set(
        xlabel="instances, for the same load together",
        ylabel="seconds (log)",
        title="TTFT p99 by size of the fleet",
    )


def _lines(axes: Any, rows: list[Row], value: Callable[[Row], float]) -> None:
    for routing in dict.fromkeys(row.scenario.routing for row in rows):
        own = sorted(
            (row.scenario.instances, value(row)) for row in rows if row.scenario.routing == routing
        )
        axes.plot(*zip(*own, strict=True), marker="o", label=routing)
    axes.legend(frameon=False)


_PLOTS: dict[str, tuple[str, Draw]] = {
    "hits": ("steady", _draw_hits),
    "ttft": ("steady", _draw_ttft),
    "growth": ("fleet size", _draw_growth),
    "sizing": ("sizing", _draw_sizing),
}
