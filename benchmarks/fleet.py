"""Simulate a fleet: routing, host tier, scale-in, loss, size, with the engine's own scheduler.

    python -m benchmarks.fleet                     the whole matrix: minutes on one core
    python -m benchmarks.fleet --quick             does it work at all (not a basis for anything)
    python -m benchmarks.fleet --resume FILE.json  go on with a run that was stopped
    python -m benchmarks.fleet --part sizing       one part of it
    python -m benchmarks.fleet --check FILE.json   beside what `make bench` measured on a CPU

Time is virtual: the same seed gives the same numbers on every machine. Rows are written as they
come; at the end there are a Markdown table and plots beside them.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.errors import ResultsUnreadable
from benchmarks.fleet_model.calibration import measured, simulated
from benchmarks.fleet_model.report import markdown
from benchmarks.fleet_model.results import Row, read_rows, write_rows
from benchmarks.fleet_model.scenario import Scenario, matrix, run
from benchmarks.store import read_results
from pipelines.errors import PlanError
from serving.errors import ConfigError

RESULTS = Path(__file__).with_name("results")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="python -m benchmarks.fleet",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--quick", action="store_true", help="few, short runs")
    made.add_argument("--part", action="append", default=[], help="only this part; may be repeated")
    made.add_argument("--device", default="ml.g6e.2xlarge", help="default: %(default)s")
    made.add_argument("--seed", type=int, default=1, help="default: %(default)s")
    made.add_argument("--resume", type=Path, help="rows of an earlier run, to be completed")
    made.add_argument("--check", type=Path, help="results of `make bench`, to be simulated")
    made.add_argument("--output", type=Path, default=RESULTS, help="folder (default: %(default)s)")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Simulate what the command line asks for."""
    command = parser()
    options = command.parse_args(arguments)
    try:
        if options.check:
            return _check(options.check)
        wanted = _wanted(options)
        path = options.resume or _new_file(options.output)
        rows = read_rows(path) if options.resume else []
        rows = _run_all(wanted, rows, path)
    except (ResultsUnreadable, PlanError, ConfigError, ValueError) as error:
        command.error(str(error))
    for written in (path, *_write_report(rows, path)):
        print(f"wrote {written}")
    return 0


def _wanted(options: argparse.Namespace) -> list[Scenario]:
    every = matrix(quick=options.quick, device=options.device, seed=options.seed)
    known = dict.fromkeys(it.part for it in every)
    unknown = [part for part in options.part if part not in known]
    if unknown:
        raise ValueError(f"there is no part {unknown[0]!r}; there are {', '.join(known)}")
    return [it for it in every if not options.part or it.part in options.part]


def _check(path: Path) -> int:
    """Print the simulated and the measured figures of the benchmark."""
    for name, it in (("measured", measured(read_results(path))), ("simulated", simulated())):
        print(
            f"{name:<10} {it.tokens_per_s:6.1f} tokens/s, TTFT p50 {it.ttft_p50:.2f} s, "
            f"cached {it.cached_share:.1%}"
        )
    return 0


def _new_file(folder: Path) -> Path:
    return folder / f"{datetime.now(UTC):%Y-%m-%dT%H%M%S}-fleet.json"


def _run_all(wanted: list[Scenario], rows: list[Row], path: Path) -> list[Row]:
    """Run what `rows` lack; rows in the order of the matrix, written after each run."""
    done = {row.scenario: row for row in rows}
    outcomes = {_alone(row.scenario): row.outcome for row in rows}
    for number, scenario in enumerate(wanted, start=1):
        if scenario in done:
            continue
        started = time.perf_counter()
        outcome = outcomes.get(_alone(scenario)) or run(scenario)
        outcomes[_alone(scenario)] = outcome
        done[scenario] = Row(scenario, outcome)
        write_rows(list(done.values()), path)
        print(_line(done[scenario], number, len(wanted), time.perf_counter() - started), flush=True)
    order = {scenario: place for place, scenario in enumerate(wanted)}
    return sorted(done.values(), key=lambda row: order.get(row.scenario, len(order)))


def _alone(scenario: Scenario) -> Scenario:
    """What is simulated, whatever part of the matrix asks for it."""
    return replace(scenario, part="")


def _line(row: Row, number: int, total: int, seconds: float) -> str:
    scenario, outcome = row.scenario, row.outcome
    tier = " + host tier" if scenario.host_tier else ""
    return (
        f"{number:>3}/{total} {scenario.part}: {scenario.routing}{tier} on {scenario.instances}: "
        f"hit {outcome.hit_share:.0%}, TTFT p50 {outcome.ttft_p50:.2f} s, p99 "
        f"{outcome.ttft_p99:.2f} s ({outcome.turns} turns, took {seconds:.1f} s)"
    )


def _write_report(rows: list[Row], path: Path) -> list[Path]:
    from benchmarks.fleet_model.plots import write_plots  # matplotlib takes a second to import

    report = path.with_suffix(".md")
    report.write_text(markdown(rows), encoding="utf-8")
    return [report, *write_plots(rows, path.with_suffix(""))]


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
