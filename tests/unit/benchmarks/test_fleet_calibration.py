from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import fleet
from benchmarks.fleet_model.calibration import measured, simulated
from benchmarks.store import Results, write_results
from tests.unit.benchmarks.records_for_tests import MACHINE, run, turn

KEEPWARM = run(
    turn(0, 0, times=(1.0, 1.1, 1.2), prompt_tokens=100, cached_tokens=10),
    turn(0, 1, sent=1.2, times=(1.5, 1.6, 1.7), prompt_tokens=200, cached_tokens=180),
    wall=2.0,
)


def results(peer: str = "keepwarm") -> Results:
    return Results(name="chat", machine=MACHINE, runs=(run(*KEEPWARM.turns, wall=2.0, peer=peer),))


def test_the_benchmark_is_simulated_with_hits_like_those_of_the_real_engine() -> None:
    """README: 86 % of the prompts' tokens were cached. Their share does not depend on speed."""
    assert simulated().cached_share == pytest.approx(0.86, abs=0.01)
    assert simulated() == simulated()


def test_the_engines_own_run_is_what_it_is_held_against() -> None:
    found = measured(results())
    assert found.tokens_per_s == pytest.approx(3.0)
    assert found.ttft_p50 == pytest.approx(0.65)
    assert found.cached_share == pytest.approx(190 / 300)
    with pytest.raises(ValueError, match="no run of keepwarm"):
        measured(results("generate"))


def test_the_command_prints_both(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert fleet.main(["--check", str(write_results(results(), tmp_path))]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "measured      3.0 tokens/s, TTFT p50 0.65 s, cached 63.3%"
    assert printed[1].startswith("simulated")
