"""Numbers side by side: tables for the console and as Markdown, and notes on their limits.

`python -m benchmarks.report FILE.json` makes tables and plots again from a results file.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.errors import ResultsUnreadable
from benchmarks.grid import MISSING, Grid, markdown_table, one_line, seconds, share, times
from benchmarks.notes import CUT_MARK, notes
from benchmarks.scenarios import CHAT
from benchmarks.standings import by_concurrency, standings
from benchmarks.store import Results, read_results
from benchmarks.summary import PeerSummary
from pipelines.speed.summary import Latencies, Number, ratio

_ALL_TURNS = -1

Cell = Callable[[PeerSummary], str]


def overview(results: Results) -> Grid:
    """Throughput, latencies over all turns, what was cached, and how far to trust it."""
    summaries = results.summaries
    baseline = next((one for one in summaries if one.peer == results.baseline), None)
    rows: list[tuple[str, Cell]] = [("output tokens/s", _throughput)]
    if baseline is not None:
        title = f"{baseline.title} is faster by"
        rows.append((title, lambda one: times(ratio(baseline.tokens_per_s, one.tokens_per_s))))
    rows += [(name, _latency_cell(field, _ALL_TURNS)) for name, field in _LATENCIES]
    rows += [
        ("cached prompt tokens", lambda one: share(one.overall.cached_share)),
        ("TTFT p50, last / first turn", lambda one: times(one.ttft_last_to_first)),
        ("same answers", lambda one: share(one.same_answers)),
        ("turns complete", lambda one: f"{one.turns_complete}/{one.turns_asked}"),
        ("wall", lambda one: seconds(one.wall_s)),
    ]
    return _grid("All turns", results, summaries, rows)


def by_turn(results: Results) -> Grid:
    """Latencies and cached share of each turn; turns count from 1 here."""
    chats = [run for run in results.runs if run.scenario == CHAT]
    turns = range(max((run.workload.turns for run in chats), default=0))
    rows: list[tuple[str, Cell]] = [
        (f"{name}, turn {turn + 1}", _latency_cell(field, turn))
        for name, field in _LATENCIES
        for turn in turns
    ]
    rows += [(f"cached, turn {turn + 1}", _cached_cell(turn)) for turn in turns]
    return _grid("By turn", results, results.summaries, rows)


def _grids(results: Results) -> list[Grid]:
    """What the results hold: the scenarios' tables only where there is more than the chat."""
    only_chat = all(run.scenario == CHAT for run in results.runs)
    several = [] if only_chat else [standings(results), by_concurrency(results)]
    return [*several, overview(results), by_turn(results)]


def markdown(results: Results) -> str:
    """The whole report as Markdown."""
    parts = [f"# {results.name}, {results.machine.measured_at}"]
    for grid in _grids(results):
        parts += [f"## {grid.title}", markdown_table(grid)]
    parts += ["## Notes", "\n".join(f"- {one_line(note)}" for note in notes(results))]
    return "\n\n".join(parts) + "\n"


def print_report(results: Results, console: Console) -> None:
    """The whole report on the console."""
    for grid in _grids(results):
        table = Table(title=grid.title, title_justify="left")
        for index, column in enumerate(grid.header):
            table.add_column(column, justify="right" if index else "left", no_wrap=True)
        for row in grid.rows:
            table.add_row(*row)
        console.print(table)
    for note in notes(results):
        console.print(f"- {note}", markup=False, highlight=False)


_LATENCIES: tuple[tuple[str, Callable[[Latencies], Number]], ...] = (
    ("TTFT p50", lambda latency: latency.ttft_p50),
    ("TTFT p99", lambda latency: latency.ttft_p99),
    ("ITL p50", lambda latency: latency.itl_p50),
    ("ITL p99", lambda latency: latency.itl_p99),
    ("time per token p50", lambda latency: latency.seconds_per_token_p50),
)


def _throughput(one: PeerSummary) -> str:
    """The median, and the range when there are repeats."""
    low, high = one.tokens_per_s_range
    return f"{one.tokens_per_s:.1f}" + (f" ({low:.1f}..{high:.1f})" if one.repeats > 1 else "")


def _latency_cell(get: Callable[[Latencies], Number], turn: int) -> Cell:
    return lambda one: seconds(get(one.overall if turn == _ALL_TURNS else one.by_turn[turn]))


def _cached_cell(turn: int) -> Cell:
    return lambda one: share(one.by_turn[turn].cached_share)


def _grid(
    title: str,
    results: Results,
    summaries: Sequence[PeerSummary],
    rows: Sequence[tuple[str, Cell]],
) -> Grid:
    """A column for each measured peer, then one for each that could not be."""
    measured = {one.peer for one in summaries}
    missing = [failure.peer for failure in results.failures if failure.peer not in measured]
    names = [one.peer + (f" {CUT_MARK}" if one.was_cut else "") for one in summaries]
    header = ("", *names, *(f"{peer}: not run" for peer in missing))
    blank = (MISSING,) * len(missing)
    cells = tuple((name, *(cell(one) for one in summaries), *blank) for name, cell in rows)
    return Grid(title, header, cells)


def write_report(results: Results, folder: Path) -> Iterator[Path]:
    """Write the Markdown and the plots beside the JSON, naming each new file."""
    from benchmarks.plots import write_plots  # matplotlib takes a second to import

    path = folder / f"{results.stem}.md"
    path.write_text(markdown(results), encoding="utf-8")
    yield path
    yield from write_plots(results, folder)


def main(arguments: Sequence[str] | None = None) -> int:
    """Report on a results file."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.report", description=__doc__)
    parser.add_argument("file", type=Path, help="a JSON file of benchmarks/results")
    path = parser.parse_args(arguments).file
    console = Console()
    try:
        results = read_results(path)
    except ResultsUnreadable as error:
        parser.error(str(error))
    print_report(results, console)
    for written in write_report(results, path.parent):
        console.print(f"wrote {written}", markup=False, highlight=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
