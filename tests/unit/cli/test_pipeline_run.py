"""What `keepwarm pipeline run` says; the run itself is tried in tests/integration/pipelines."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cli import pipeline_run
from cli.errors import CliError
from cli.pipeline_report import as_json, print_result
from pipelines.gates.limits import GateLimits
from pipelines.judging import judge_run
from pipelines.local_run.run import LocalResult
from pipelines.registry.interface import Candidate, Version
from tests.support.run_documents import run_documents

CANDIDATE = Candidate(
    image="local:1", model_data="/m", model_sha256="ab", environment={}, plan={}, metrics={}
)
VERSION = Version(name="/r/000001.json", number=1, created=datetime.now(UTC), candidate=CANDIDATE)


def outcome(*, ttft: float) -> LocalResult:
    """A run with this TTFT p95 in seconds; more than ten are refused."""
    gates = judge_run(run_documents(benchmark={"ttft_p95_s": ttft}), None, GateLimits()).gates
    refused = not gates["passed"]
    return LocalResult(
        output=Path("/r/runs/1"),
        refused_by="judge" if refused else "",
        reasons=tuple(gates["reasons"]),
        version=None if refused else VERSION,
        gates=gates,
        report=Path("/r/runs/1/report.html"),
    )


def test_a_passed_run_names_version_and_report(capsys: pytest.CaptureFixture[str]) -> None:
    print_result(outcome(ttft=0.5))
    out = capsys.readouterr().out
    assert "passed: version 1 is registered (PendingManualApproval)" in out
    assert "report: /r/runs/1/report.html" in out
    assert "there is no earlier version to compare with" in out
    assert "refused" not in out


def test_a_refused_run_says_by_what_and_why(capsys: pytest.CaptureFixture[str]) -> None:
    print_result(outcome(ttft=12.0))
    out = capsys.readouterr().out
    assert "refused by judge; nothing was registered\n- TTFT p95 is 12.00 s, at most 10.00 s" in out
    assert out.count("refused") == 2  # the gate, and the whole


def test_a_refused_artifact_has_no_table(capsys: pytest.CaptureFixture[str]) -> None:
    print_result(LocalResult(Path("/r"), "validate", ("a pickle [red]\x1b[2J",), None, {}, None))
    assert "- a pickle [red][2J" in capsys.readouterr().out


def test_the_outcome_as_data() -> None:
    passed, refused = as_json(outcome(ttft=0.5)), as_json(outcome(ttft=12.0))
    assert (passed["passed"], passed["refused_by"], passed["version"]["number"]) == (True, None, 1)
    assert (refused["passed"], refused["refused_by"], refused["version"]) == (False, "judge", None)
    assert refused["reasons"] == ["TTFT p95 is 12.00 s, at most 10.00 s is allowed"]
    assert len(passed["verdicts"]) == 8


def test_the_account_is_another_commands() -> None:
    parser = argparse.ArgumentParser()
    pipeline_run.add_arguments(parser)
    with pytest.raises(CliError, match="pipeline start") as caught:
        pipeline_run.pipeline_run(parser.parse_args([]))
    assert caught.value.exit_code == 2
