"""The table that says who is ahead: a line for each peer, a column for each promise.

`python -m benchmarks.standings FILE.json` prints it as Markdown, for a README.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.errors import ResultsUnreadable
from benchmarks.grid import MISSING, Grid, markdown_table, seconds
from benchmarks.records import RunRecord
from benchmarks.scenarios import BURST, LEVELS, LONG, SINGLE
from benchmarks.store import Results, read_results
from benchmarks.summary import tokens_per_second
from pipelines.speed.summary import Latencies, Number, latencies, percentile

_GIB = 2**30


def standings(results: Results) -> Grid:
    """One line a peer; a cell is the median of its repeats, `-` where it has no whole run.

    The last two latencies: of the sessions that decode while a prompt of 4000 tokens arrives.
    """
    header = (
        *("peer", "chat tokens/s", "TTFT p50", "TTFT p99", "ITL p50", "ITL p99"),
        *("single tokens/s", "burst wall", "long: ITL p99 / p50", "start", "peak RSS"),
    )
    rows = tuple(_row(results, peer) for peer in results.peers)
    return Grid("Side by side", header, rows)


def by_concurrency(results: Results) -> Grid:
    """Output tokens/s at each number of sessions."""
    header = ("sessions at once", *results.peers)
    rows = tuple(
        (str(level), *(_rate(results.runs_in(f"at {level}", peer)) for peer in results.peers))
        for level in LEVELS
    )
    return Grid("Output tokens/s by concurrency", header, rows)


def rate_at(results: Results, peer: str, level: int) -> Number:
    """Median output tokens/s of a peer at `level` sessions; None without a whole run."""
    rates = [tokens_per_second(run) for run in _whole(results.runs_in(f"at {level}", peer))]
    return statistics.median(rates) if rates else None


def _row(results: Results, peer: str) -> tuple[str, ...]:
    chat = _whole(results.runs_of(peer))
    runs = [run for run in results.runs if run.peer == peer]
    single = _whole(results.runs_in(SINGLE, peer))
    times = [latencies(run.turns) for run in chat]
    return (
        runs[0].title,
        _rate(chat),
        *(
            seconds(_median([_latency(one, name) for one in times]))
            for name in ("ttft_p50", "ttft_p99", "itl_p50", "itl_p99")
        ),
        _median_text([_single_rate(run) for run in single], "{:.1f}"),
        seconds(_median([run.wall_s for run in _whole(results.runs_in(BURST, peer))])),
        _median_text([_stall(run) for run in _whole(results.runs_in(LONG, peer))], "{:.1f}"),
        seconds(_median([run.start_s for run in runs])),
        _median_text([_gib(run) for run in chat], "{:.2f} GiB"),
    )


def _whole(runs: Sequence[RunRecord]) -> list[RunRecord]:
    """Those that were neither cut nor failed: others are no measurement of a peer's speed."""
    return [run for run in runs if run.turns and not run.was_cut and not run.errors]


def _rate(runs: Sequence[RunRecord]) -> str:
    return _median_text([tokens_per_second(run) for run in _whole(runs)], "{:.1f}")


def _latency(one: Latencies, name: str) -> Number:
    value: Number = getattr(one, name)
    return value


def _single_rate(run: RunRecord) -> Number:
    """Tokens a second of one stream once it streams: the prompt's time is TTFT's matter."""
    per_token = latencies(run.turns).seconds_per_token_p50
    return 1.0 / per_token if per_token else None


def _stall(run: RunRecord) -> Number:
    """Of all but the late session: their p99 gap as a multiple of their median gap."""
    late = max(turn.session for turn in run.turns)
    gaps = sorted(gap for turn in run.turns if turn.session != late for gap in turn.gaps_s)
    median, highest = percentile(gaps, 0.5), percentile(gaps, 0.99)
    return highest / median if median and highest else None


def _gib(run: RunRecord) -> Number:
    return run.peak_memory_bytes / _GIB if run.peak_memory_bytes else None


def _median(values: Sequence[Number]) -> Number:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def _median_text(values: Sequence[Number], form: str) -> str:
    value = _median(values)
    return MISSING if value is None else form.format(value)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables of a results file."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.standings", description=__doc__)
    parser.add_argument("file", type=Path, help="a JSON file of benchmarks/results")
    try:
        results = read_results(parser.parse_args(arguments).file)
    except ResultsUnreadable as error:
        parser.error(str(error))
    print(markdown_table(standings(results)))
    print()
    print(markdown_table(by_concurrency(results)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
