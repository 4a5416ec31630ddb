from __future__ import annotations

import dataclasses
import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks import report
from benchmarks.errors import ResultsUnreadable
from benchmarks.notes import notes
from benchmarks.records import PeerFailure
from benchmarks.report import by_turn, markdown, overview, print_report, write_report
from benchmarks.store import Results, read_results, write_results
from pipelines.speed.records import Outcome
from tests.unit.benchmarks.records_for_tests import MACHINE, run, turn

FAST = run(
    turn(0, 0, times=(1.0, 1.1, 1.2), prompt_tokens=100, cached_tokens=10),
    turn(0, 1, sent=1.2, times=(1.5, 1.6, 1.7), prompt_tokens=200, cached_tokens=180),
    wall=2.0,
    settings={"KEEPWARM_BLOCK_SIZE": "16"},
)
SLOW = run(
    turn(0, 0, times=(4.0, 5.0, 6.0)),
    turn(0, 1, sent=6.0, times=(12.0,), outcome=Outcome.CUT),
    wall=12.0,
    peer="slow",
)
RESULTS = Results(
    name="chat",
    machine=MACHINE,
    runs=(FAST, SLOW),
    failures=(PeerFailure(peer="absent", title="Absent", reason="no | such\nthing"),),
)


def row(grid: report.Grid, name: str) -> list[str]:
    (found,) = [cells[1:] for cells in grid.rows if cells[0] == name]
    return list(found)


def test_peers_stand_side_by_side_with_what_could_not_run() -> None:
    grid = overview(RESULTS)
    assert grid.header == ("", "keepwarm", "slow †", "absent: not run")
    assert row(grid, "output tokens/s") == ["3.0", "0.3", "-"]
    assert row(grid, "Keepwarm is faster by") == ["1.00x", "9.00x", "-"]  # 3 / (4 / 12)
    assert row(grid, "TTFT p50") == ["650 ms", "5.00 s", "-"]
    assert row(grid, "TTFT p50, last / first turn") == ["0.30x", "1.50x", "-"]
    assert row(grid, "cached prompt tokens") == ["63 %", "-", "-"]
    assert row(grid, "turns complete") == ["2/2", "1/2", "-"]


def test_turns_have_rows_of_their_own() -> None:
    grid = by_turn(RESULTS)
    assert row(grid, "TTFT p50, turn 1") == ["1.00 s", "4.00 s", "-"]
    assert row(grid, "TTFT p50, turn 2") == ["300 ms", "6.00 s", "-"]
    assert row(grid, "cached, turn 2") == ["90 %", "-", "-"]


def test_without_the_baseline_no_ratio_is_made_up() -> None:
    alone = dataclasses.replace(RESULTS, runs=(SLOW,))
    assert not [cells for cells in overview(alone).rows if "faster" in cells[0]]


def test_repeats_show_their_range() -> None:
    slower = dataclasses.replace(FAST, wall_s=4.0, repeat=1)
    grid = overview(dataclasses.replace(RESULTS, runs=(FAST, slower), failures=()))
    assert row(grid, "output tokens/s") == ["2.2 (1.5..3.0)"]


def test_notes_say_what_a_reader_must_know() -> None:
    text = "\n".join(notes(RESULTS))
    assert "A processor, 2 cores usable" in text
    assert "1 concurrent sessions x 2 turns x 3 new tokens" in text
    assert "slow was cut by its time limit with 1 of 2 turns complete" in text
    assert "absent: Absent, not run: no | such" in text
    assert "not idle" not in text
    assert "do not quote" not in text


def test_disturbed_numbers_are_called_so() -> None:
    disturbed = dataclasses.replace(FAST, foreign_cores=0.8)
    machine = dataclasses.replace(MACHINE, busy_cores_before=1.5)
    text = "\n".join(notes(dataclasses.replace(RESULTS, runs=(disturbed,), machine=machine)))
    assert "1.50 cores were busy before" in text
    assert "0.80 cores busy during the run; do not quote" in text


def test_markdown_cells_cannot_break_the_table() -> None:
    text = markdown(RESULTS)
    assert "no \\| such thing" in text
    table = [line for line in text.splitlines() if line.startswith("|")]
    assert {line.replace("\\|", "").count("|") for line in table} == {5}


def test_the_console_shows_the_same_numbers() -> None:
    stream = io.StringIO()
    print_report(RESULTS, Console(file=stream, width=100))
    assert "9.00x" in stream.getvalue()
    assert "†" in stream.getvalue()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (0.0841, "84 ms"),
        (0.9996, "1.00 s"),
        (1.4349, "1.43 s"),
        (216.6, "217 s"),
        (0.0, "0 ms"),
    ],
)
def test_durations_are_readable(value: float | None, text: str) -> None:
    assert report.seconds(value) == text


def test_results_can_be_read_back(tmp_path: Path) -> None:
    path = write_results(RESULTS, tmp_path / "new")
    assert path.name == "2026-11-22T102030-chat.json"
    assert read_results(path) == RESULTS
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "{}", '{"schema": 99}', '{"schema": 1, "name": "x"}']
)
def test_other_files_are_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "other.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ResultsUnreadable, match=r"other\.json"):
        read_results(path)


def test_a_report_can_be_made_again_from_its_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_results(RESULTS, tmp_path)
    assert report.main([str(path)]) == 0
    assert "9.00x" in capsys.readouterr().out
    names = {entry.name.removeprefix("2026-11-22T102030-chat") for entry in tmp_path.iterdir()}
    plots = {f"-{plot}.{kind}" for plot in ("throughput", "ttft", "itl") for kind in ("png", "svg")}
    assert names == {".json", ".md"} | plots
    assert (tmp_path / "2026-11-22T102030-chat-ttft.png").read_bytes().startswith(b"\x89PNG")


def test_a_missing_file_is_an_error_of_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as leaving:
        report.main(["missing.json"])
    assert leaving.value.code == 2
    assert "holds no benchmark results" in capsys.readouterr().err


def test_with_failures_alone_there_is_a_report_and_no_plot(tmp_path: Path) -> None:
    nothing = dataclasses.replace(RESULTS, runs=())
    written = list(write_report(nothing, tmp_path))
    assert [path.suffix for path in written] == [".md"]
    assert "absent: not run" in written[0].read_text(encoding="utf-8")


def test_json_holds_what_is_needed_to_judge_the_numbers(tmp_path: Path) -> None:
    content = json.loads(write_results(RESULTS, tmp_path).read_text(encoding="utf-8"))
    assert content["machine"]["cores"] == 2
    assert content["machine"]["revision"] == "0123456789ab"
    assert content["runs"][0]["settings"] == {"KEEPWARM_BLOCK_SIZE": "16"}
    assert content["runs"][0]["workload"]["new_tokens"] == 3
