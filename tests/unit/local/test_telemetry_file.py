"""One process writes, others read: whole lines, files put aside, readers that come back."""

from __future__ import annotations

from pathlib import Path

import pytest

from local import telemetry_file
from local.telemetry_file import EMF, TELEMETRY, TelemetryReader, TelemetryWriter


def read(reader: TelemetryReader) -> list[bytes]:
    return [line.data for line in reader.read()]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "telemetry.jsonl"


def test_what_is_written_is_read_once(path: Path) -> None:
    writer, reader = TelemetryWriter(path), TelemetryReader(path)
    assert read(reader) == []
    writer.write(TELEMETRY, [{"n": 1}, {"n": 2}])
    writer.write(EMF, [{"n": 3}])
    assert [(line.kind, line.data) for line in reader.read()] == [
        (b"telemetry", b'{"n":1}'),
        (b"telemetry", b'{"n":2}'),
        (b"emf", b'{"n":3}'),
    ]
    assert read(reader) == []


def test_nothing_to_write_makes_no_file(path: Path) -> None:
    TelemetryWriter(path).write(TELEMETRY, [])
    assert not path.exists()


def test_no_file_at_all_has_no_lines() -> None:
    assert read(TelemetryReader(None)) == []


def test_a_line_is_read_when_it_is_whole(path: Path) -> None:
    reader = TelemetryReader(path)
    path.write_bytes(b'{"kind": "emf", "da')
    assert read(reader) == []
    with path.open("ab") as file:
        file.write(b'ta": {"n": 1}}\n')
    assert read(reader) == [b'{"n":1}']


@pytest.mark.parametrize("line", [b"nonsense", b"[]", b"{}", b'{"kind": "other", "data": 1}'])
def test_a_line_of_something_else_is_passed_over(path: Path, line: bytes) -> None:
    path.write_bytes(line + b'\n{"kind": "emf", "data": 1}\n')
    assert read(TelemetryReader(path)) == [b"1"]


def test_a_reader_that_comes_back_misses_nothing(path: Path) -> None:
    writer = TelemetryWriter(path)
    writer.write(TELEMETRY, [1, 2, 3])
    first, *_ = TelemetryReader(path).read()
    writer.write(TELEMETRY, [4])
    assert read(TelemetryReader(path, first.id.decode())) == [b"2", b"3", b"4"]


@pytest.mark.parametrize("last_id", ["", "nonsense", "1-", "1" * 40 + "-1"])
def test_one_that_names_no_place_gets_what_is_there(path: Path, last_id: str) -> None:
    TelemetryWriter(path).write(TELEMETRY, [1])
    assert read(TelemetryReader(path, last_id)) == [b"1"]


def test_a_large_file_is_put_aside_and_a_reader_goes_on_in_the_new_one(path: Path) -> None:
    writer, reader = TelemetryWriter(path, max_bytes=10), TelemetryReader(path)
    writer.write(TELEMETRY, ["first"])
    assert read(reader) == [b'"first"']
    writer.write(TELEMETRY, ["second"])
    assert read(reader) == [b'"second"']
    assert path.with_name("telemetry.jsonl.old").exists()


def test_lines_written_just_before_a_file_is_put_aside_are_not_missed(path: Path) -> None:
    writer, reader = TelemetryWriter(path, max_bytes=40), TelemetryReader(path)
    writer.write(TELEMETRY, [1])
    read(reader)
    writer.write(TELEMETRY, [2])
    writer.write(TELEMETRY, [3])
    assert path.with_name("telemetry.jsonl.old").exists()
    assert read(reader) == [b"2", b"3"]


def test_a_new_reader_begins_near_the_end_of_a_long_file(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telemetry_file, "REPLAYED", 80)
    TelemetryWriter(path).write(TELEMETRY, range(100))
    lines = read(TelemetryReader(path))
    assert lines[-1] == b"99"
    assert 0 < len(lines) < 4
