from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.plots import write_plots
from benchmarks.report import markdown
from benchmarks.standings import by_concurrency, main, standings
from benchmarks.store import Results, write_results
from pipelines.speed.records import Outcome
from tests.unit.benchmarks.records_for_tests import MACHINE, run, turn


def results(*runs: object, **more: object) -> Results:
    return Results(name="bench", machine=MACHINE, runs=runs, **more)  # type: ignore[arg-type]


def cells(found: Results, peer: int = 0) -> dict[str, str]:
    grid = standings(found)
    return dict(zip(grid.header, grid.rows[peer], strict=True))


CHAT = run(turn(times=(1.0, 1.1, 1.2)), wall=1.5, start_s=7.0, peak_memory_bytes=3 << 29)


def test_a_line_holds_the_chat_and_what_else_was_measured() -> None:
    found = results(
        CHAT,
        run(turn(times=(1.0, 1.1, 1.2)), wall=9.0, scenario="single", start_s=7.0),
        run(turn(times=(1.0, 2.0)), wall=35.0, scenario="burst", start_s=7.0),
    )
    line = cells(found)
    assert line["chat tokens/s"] == "2.0"
    assert line["TTFT p50"] == "1.00 s"
    assert line["single tokens/s"] == "10.0"
    assert line["burst wall"] == "35.00 s"
    assert line["start"] == "7.00 s"
    assert line["peak RSS"] == "1.50 GiB"
    assert line["long: ITL p99 / p50"] == "-"


def test_the_late_sessions_own_gaps_do_not_count_as_a_stall() -> None:
    steady = turn(0, times=(0.0, 1.0, 2.0, 5.0))
    late = turn(1, sent=1.0, times=(50.0, 100.0))
    line = cells(results(run(steady, late, wall=100.0, scenario="long", start_s=1.0)))
    assert line["long: ITL p99 / p50"] == "3.0"


@pytest.mark.parametrize("outcome", [Outcome.CUT, Outcome.ERROR])
def test_a_run_that_was_not_whole_gives_no_number(outcome: Outcome) -> None:
    broken = run(turn(times=(1.0, 2.0), outcome=outcome), wall=2.0, start_s=1.0)
    assert cells(results(broken))["chat tokens/s"] == "-"


def test_cells_are_medians_of_the_repeats() -> None:
    runs = [
        run(turn(times=(1.0, 1.1, 1.2)), wall=wall, repeat=number, start_s=1.0)
        for number, wall in enumerate((1.0, 3.0, 30.0))
    ]
    assert cells(results(*runs))["chat tokens/s"] == "1.0"


def test_concurrency_has_a_line_for_each_level_and_a_gap_where_nothing_was_measured() -> None:
    grid = by_concurrency(results(run(turn(times=(1.0, 2.0)), wall=2.0, scenario="at 4")))
    assert ("4", "1.0") in grid.rows
    assert ("64", "-") in grid.rows


def test_a_chat_alone_has_no_table_of_scenarios() -> None:
    assert "Side by side" not in markdown(results(CHAT))
    several = markdown(results(CHAT, run(turn(times=(1.0,)), wall=1.0, scenario="at 1")))
    assert "## Side by side" in several


def test_concurrency_is_drawn_where_it_was_measured(tmp_path: Path) -> None:
    level = run(turn(times=(1.0, 2.0)), wall=2.0, scenario="at 4")
    names = {path.name for path in write_plots(results(CHAT, level), tmp_path)}
    assert "2026-11-22T102030-bench-concurrency.svg" in names


def test_the_readmes_table_comes_from_the_results_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(write_results(results(CHAT), tmp_path))]) == 0
    assert "| Keepwarm | 2.0 | 1.00 s |" in capsys.readouterr().out
