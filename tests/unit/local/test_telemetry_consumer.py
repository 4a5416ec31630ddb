"""The stream's consumer on one machine: it counts, and keeps what went in and what came out."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from local.telemetry_consumer import Recorded, main
from local.telemetry_file import TelemetryReader, TelemetryWriter
from orchestrator_lambda.telemetry import seen
from tests.support.turn_events import batch, ended, started


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "telemetry.jsonl"


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch, file: Path) -> Recorded:
    monkeypatch.setenv("KEEPWARM_DEDUPE_TABLE", "marks")
    monkeypatch.setattr(seen, "dynamo_seen", lambda *_: seen.NothingSeen())
    return Recorded(TelemetryWriter(file))


def kept(file: Path, kind: bytes) -> list[dict[str, object]]:
    return [json.loads(line.data) for line in TelemetryReader(file).read() if line.kind == kind]


def test_events_and_the_lines_that_they_become_are_kept(
    recorded: Recorded, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = started(), ended()
    assert recorded(batch([first, second]), None) == {"batchItemFailures": []}
    assert kept(file, b"telemetry") == [first, second]
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines
    assert kept(file, b"emf") == lines
    assert all("_aws" in line for line in lines)


def test_what_comes_again_after_a_failure_is_kept_once(recorded: Recorded, file: Path) -> None:
    events = [started(seq=2), b"poison", started(seq=4)]
    answer = recorded(batch(events), None)
    assert len(answer["batchItemFailures"]) == 1
    assert kept(file, b"telemetry") == [events[0]]
    recorded(batch(events[2:]), None)
    assert kept(file, b"telemetry") == [events[0], events[2]]


def test_a_file_that_cannot_be_written_does_not_stop_the_counting(
    recorded: Recorded,
    file: Path,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    file.mkdir()
    with caplog.at_level(logging.WARNING):
        assert recorded(batch([ended()]), None) == {"batchItemFailures": []}
    assert "_aws" in capsys.readouterr().out
    assert "the telemetry file cannot be written" in caplog.text


def test_checkpoints_that_cannot_be_read_end_it_with_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "checkpoints").write_text("nonsense")
    arguments = ["--stores", "http://127.0.0.1:9", "--file", str(tmp_path / "x")]
    assert main([*arguments, "--checkpoints", str(tmp_path / "checkpoints")]) == 1
    assert capsys.readouterr().err.startswith("telemetry_consumer: ")
