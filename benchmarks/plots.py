"""Plots of a benchmark, one PNG and one SVG each.

Throughput, TTFT by turn and inter-token latency of the chat; throughput against concurrency.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl

from benchmarks.records import RunRecord
from benchmarks.scenarios import CHAT, LEVELS
from benchmarks.standings import rate_at
from benchmarks.store import Results
from benchmarks.summary import PeerSummary

_SIZE_INCHES = (8.0, 4.5)
_DPI = 150
_FORMATS = ("png", "svg")
# Equal results must give equal files: no random ids in the SVG.
_STYLE: Any = {"svg.hashsalt": "keepwarm", "axes.spines.top": False, "axes.spines.right": False}

Draw = Callable[[Any, Results], None]


def write_plots(results: Results, folder: Path) -> list[Path]:
    """Draw all plots of `results` into `folder`; nothing when no peer has a complete turn."""
    if not any(run.turns for run in results.runs):
        return []
    mpl.use("Agg")  # no display is needed, nor looked for
    has_levels = any(run.scenario != CHAT for run in results.runs)
    return [
        path
        for name, draw in {**_PLOTS, **(_SEVERAL if has_levels else {})}.items()
        for path in _write_plot(folder / f"{results.stem}-{name}", draw, results)
    ]


def _write_plot(stem: Path, draw: Draw, results: Results) -> list[Path]:
    return write_figure(stem, lambda axes: draw(axes, results))


def write_figure(stem: Path, draw: Callable[[Any], None]) -> list[Path]:
    """Draw one figure as PNG and as SVG."""
    from matplotlib.figure import Figure

    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=_SIZE_INCHES, layout="constrained")
        draw(figure.add_subplot())
        paths = [stem.with_name(f"{stem.name}.{suffix}") for suffix in _FORMATS]
        for path in paths:
            figure.savefig(path, dpi=_DPI, metadata={"Date": None} if path.suffix == ".svg" else {})
    return paths


def _draw_throughput(axes: Any, results: Results) -> None:
    """Bars of output tokens/s; whiskers span the repeats."""
    summaries = results.summaries[::-1]
    values = [one.tokens_per_s for one in summaries]
    below = [one.tokens_per_s - one.tokens_per_s_range[0] for one in summaries]
    above = [one.tokens_per_s_range[1] - one.tokens_per_s for one in summaries]
    labels = [one.title + (" (cut)" if one.was_cut else "") for one in summaries]
    bars = axes.barh(labels, values, xerr=[below, above], capsize=4)
    axes.bar_label(bars, fmt="%.1f", padding=6)
    axes.margins(x=0.12)
    axes.set(xlabel="output tokens/s (more is better)", title="Throughput")


def _draw_ttft(axes: Any, results: Results) -> None:
    """Median TTFT over the turns, with p99 as a thin line of the same colour."""
    for one in results.summaries:
        turns = list(range(1, len(one.by_turn) + 1))
        (line,) = axes.plot(turns, _ttft(one, "ttft_p50"), marker="o", label=one.title)
        p99 = _ttft(one, "ttft_p99")
        axes.plot(turns, p99, color=line.get_color(), linestyle=":", linewidth=1)
        axes.set_xticks(turns)
    axes.set(xlabel="turn", ylabel="seconds (log)", title="Time to first token: p50, p99 dotted")
    axes.set_yscale("log")
    axes.legend(frameon=False)


def _draw_itl(axes: Any, results: Results) -> None:
    """Share of all gaps between two pieces of text that are at most so long."""
    for one in results.summaries:
        gaps = sorted(_gaps_ms(results.runs_of(one.peer)))
        shares = [(index + 1) / len(gaps) for index in range(len(gaps))]
        axes.step(gaps, shares, where="post", label=one.title)
    axes.set(xlabel="milliseconds (log)", ylabel="share of gaps", title="Inter-token latency")
    axes.set_xscale("log")
    axes.legend(frameon=False)


def _ttft(one: PeerSummary, name: str) -> list[float]:
    """One latency of each turn; a gap in the line where there is none."""
    values = [getattr(latency, name) for latency in one.by_turn]
    return [float("nan") if value is None else value for value in values]


def _gaps_ms(runs: list[RunRecord]) -> list[float]:
    """Gaps of all repeats; a hundredth of a millisecond at least, for the logarithmic axis."""
    return [max(gap * 1000, 0.01) for run in runs for turn in run.turns for gap in turn.gaps_s]


def _draw_concurrency(axes: Any, results: Results) -> None:
    """Output tokens/s against sessions at once; a peer that was not measured there has no point."""
    for peer in results.peers:
        points = [(level, rate_at(results, peer, level)) for level in LEVELS]
        known = [(level, rate) for level, rate in points if rate is not None]
        if known:
            title = next(run.title for run in results.runs if run.peer == peer)
            axes.plot(*zip(*known, strict=True), marker="o", label=title)
            axes.legend(frameon=False)
    axes.set_xscale("log", base=2)
    axes.set(xlabel="sessions at once", ylabel="output tokens/s", title="Throughput")
    axes.set_ylim(bottom=0)


_PLOTS: dict[str, Draw] = {"throughput": _draw_throughput, "ttft": _draw_ttft, "itl": _draw_itl}
_SEVERAL: dict[str, Draw] = {"concurrency": _draw_concurrency}
