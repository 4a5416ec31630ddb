"""`python -m infrastructure.checks` with checkers and a synthesis that are made up."""

from __future__ import annotations

from pathlib import Path

import pytest

from infrastructure.checks import __main__ as command
from infrastructure.checks import nag
from infrastructure.checks.accepted import Accepted, Finding
from infrastructure.errors import SynthesisError
from infrastructure.settings import Stage

LOGS = Finding("S1", "edge/Logs/Bucket")


@pytest.fixture
def synthesised(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    names: list[str] = []
    monkeypatch.setattr(nag, "synthesise_checked", lambda stage, folder: names.append(stage.name))
    return names


def with_findings(monkeypatch: pytest.MonkeyPatch, *accepted: Accepted) -> None:
    def find(assembly: Path, stage: Stage) -> tuple[Finding, ...]:
        return (LOGS,)

    monkeypatch.setattr(command, "CHECKERS", {"nag": command.Checker(find, accepted)})


def test_both_stages_are_judged_and_what_is_unexplained_fails(
    synthesised: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with_findings(monkeypatch)

    assert command.main([]) == 1

    assert synthesised == ["dev", "prod"]
    assert capsys.readouterr().out.splitlines() == [
        "nag: unexplained: S1 at edge/Logs/Bucket",
        "nag: 2 findings, 1 unexplained",
    ]


def test_what_is_explained_passes(
    synthesised: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with_findings(monkeypatch, Accepted("S1", "edge/Logs/*", "a log of logs has no end"))

    assert command.main(["nag", "--stage", "prod"]) == 0

    assert synthesised == ["prod"]
    assert capsys.readouterr().out == "nag: 1 findings, 0 unexplained\n"


def test_a_synthesis_that_fails_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(stage: Stage, folder: Path) -> None:
        raise SynthesisError("the CDK needs Node")

    monkeypatch.setattr(nag, "synthesise_checked", fail)

    assert command.main(["iam"]) == 1
    assert capsys.readouterr().err == "the CDK needs Node\n"
