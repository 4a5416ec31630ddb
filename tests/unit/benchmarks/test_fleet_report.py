from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from benchmarks import fleet
from benchmarks.errors import ResultsUnreadable
from benchmarks.fleet_model.plots import write_plots
from benchmarks.fleet_model.report import markdown, parts, smallest
from benchmarks.fleet_model.results import Row, read_rows, write_rows
from benchmarks.fleet_model.scenario import ROUTINGS, SIZES, Scenario, matrix, run
from benchmarks.fleet_model.summary import Outcome
from tests.unit.benchmarks.fleet_for_tests import small

OUTCOME = Outcome(
    turns=1000,
    sessions=300,
    hit_share=0.871,
    best_share=0.92,
    residency=0.5,
    paper_share=0.46,
    restored_share=0.0,
    ttft_p50=0.08,
    ttft_p99=0.37,
    gpu_hours_a_million=163.2,
    preemptions=2,
    refused=1,
    resent=0,
    in_flight=7.25,
)


def row(part: str = "steady", *, p99: float = 0.37, **fields: object) -> Row:
    scenario = small(part=part, **fields)
    return Row(scenario, dataclasses.replace(OUTCOME, ttft_p99=p99))


def test_the_matrix_has_every_routing_tier_and_event() -> None:
    every = matrix()
    asked = {(it.part, it.routing, it.host_tier) for it in every}
    for part in ("steady", "long pauses", "burst", "scale-in", "loss"):
        for routing in ROUTINGS:
            assert {(part, routing, False), (part, routing, True)} <= asked
    assert {it.instances for it in every if it.part == "fleet size"} == set(SIZES)
    assert max(SIZES) == 100
    assert len(set(every)) == len(every)


def test_a_fleet_cannot_lose_all_it_has_nor_what_nobody_knows() -> None:
    with pytest.raises(ValueError, match="3 of 3 instances cannot leave"):
        small(event="loss", leaving=3)
    with pytest.raises(ValueError, match="no event 'fire'; there are scale-in, loss"):
        small(event="fire")


def test_a_run_says_what_came_out_and_says_it_again() -> None:
    scenario = small(routing="sticky")
    outcome = run(scenario)
    assert outcome == run(scenario)
    assert 0 < outcome.hit_share <= outcome.best_share < 1
    assert outcome.ttft_p50 <= outcome.ttft_p99
    hours = 3 * scenario.window_s / 3600
    assert outcome.gpu_hours_a_million == pytest.approx(hours / outcome.turns * 1e6)


def test_on_paper_all_stays_that_fits() -> None:
    roomy = run(small(routing="sticky", turns_s=0.5))
    assert roomy.residency == 1.0 and roomy.paper_share == roomy.best_share
    crowded = run(small(routing="sticky", pause=600.0))
    assert 0 < crowded.residency < 1


def test_rows_are_read_as_they_were_written(tmp_path: Path) -> None:
    rows = [row(), row("loss", event="loss", host_tier=True)]
    write_rows(rows, tmp_path / "rows.json")
    assert read_rows(tmp_path / "rows.json") == rows


def test_a_file_that_is_no_rows_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    for text in ("", "{}", '{"schema": 2, "rows": []}', '{"schema": 1, "rows": [{}]}'):
        path.write_text(text)
        with pytest.raises(ResultsUnreadable, match=r"rows\.json"):
            read_rows(path)


def test_the_report_has_a_table_for_each_part() -> None:
    text = markdown([row(), row(host_tier=True), row("threshold", threshold=0.7, burst=4.0)])
    assert "| prefix | yes | 3 | 87 % | 92 % | 46 % | 80 ms | 370 ms | 163 | 2 | 1 | 7.2 |" in text
    assert "| 0.7 x running, 4 x | prefix |" in text
    assert "## Steady" in text and "## Threshold" in text
    assert "Nothing here was measured on a GPU or on AWS" in text


def test_the_smallest_fleet_that_keeps_the_objective_is_found() -> None:
    rows = [
        row("sizing", routing=routing, instances=size, p99=p99)
        for routing, size, p99 in [
            ("prefix", 6, 0.9),
            ("prefix", 8, 0.2),
            ("random", 6, 9.0),
            ("random", 8, 3.0),
            ("least", 6, 0.9),
            ("least", 8, 1.1),
        ]
    ]
    found = smallest(rows)
    assert found["prefix"] is not None and found["prefix"].scenario.instances == 6
    assert found["random"] is None
    assert found["least"] is None, "a smaller fleet that is better by luck does not count"
    assert "| random | - | - |" in markdown(rows)


def test_parts_are_drawn_as_png_and_svg(tmp_path: Path) -> None:
    rows = [
        row(),
        row(routing="random", host_tier=True),
        row("fleet size"),
        row("sizing", instances=6),
    ]
    drawn = write_plots(rows, tmp_path / "x-fleet")
    names = {path.name for path in drawn}
    kinds = [f"x-fleet-{name}" for name in ("hits", "ttft", "growth", "sizing")]
    assert names == {f"{kind}.{suffix}" for kind in kinds for suffix in ("png", "svg")}
    assert all(path.stat().st_size for path in drawn)
    assert list(parts(rows)) == ["steady", "fleet size", "sizing"]


def tiny(**options: object) -> list[Scenario]:
    return [small(part="steady", routing="least"), small(part="loss", event="loss")]


def test_the_command_writes_rows_report_and_plots_and_goes_on_where_it_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(fleet, "matrix", tiny)
    assert fleet.main(["--part", "loss", "--output", str(tmp_path)]) == 0
    (path,) = tmp_path.glob("*-fleet.json")
    assert [it.scenario.part for it in read_rows(path)] == ["loss"]
    assert "1/1 loss: prefix on 3: hit" in capsys.readouterr().out
    assert fleet.main(["--resume", str(path)]) == 0
    assert "loss: prefix" not in capsys.readouterr().out
    assert {it.scenario.part for it in read_rows(path)} == {"steady", "loss"}
    assert "## Loss" in path.with_suffix(".md").read_text()


def test_the_command_refuses_what_it_does_not_know(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        fleet.main(["--part", "nothing"])
    assert "there is no part 'nothing'; there are steady" in capsys.readouterr().err
