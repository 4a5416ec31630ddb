"""What `keepwarm doctor` says of machines that lack something."""

from __future__ import annotations

import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from cli import doctor
from cli.main import main

Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def sound(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A home with room, and a machine on which every program is found."""
    monkeypatch.setenv("KEEPWARM_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(doctor, "is_whole", lambda folder, source: True)
    monkeypatch.setattr(doctor, "_redis", lambda: "/usr/bin/redis-server")
    monkeypatch.setattr(doctor, "_ministack", lambda: "/opt/ministack")
    monkeypatch.setattr(shutil, "which", lambda name, *_: f"/usr/bin/{name}")
    return tmp_path


def examined(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    code = main(["doctor", *arguments])
    return code, capsys.readouterr().out


def test_a_sound_machine_is_told_so(sound: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = examined(capsys)
    assert code == 0
    assert "MISSING" not in said
    lines = said.splitlines()
    assert {line.split()[1] for line in lines} >= {
        *("python", "packages", "redis", "ministack", "home", "model", "memory", "ports"),
        *("compiler", "page", "chromium", "image"),
    }


def test_each_thing_that_is_missing_is_one_line_with_its_mend(
    sound: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    monkeypatch.setenv("KEEPWARM_HOME", str(sound / "home"))
    monkeypatch.setattr(shutil, "which", lambda name, *_: None)
    monkeypatch.setattr("sys.prefix", str(sound))
    monkeypatch.setattr(doctor, "find_spec", lambda name: None if name == "boto3" else name)
    monkeypatch.setattr(doctor, "WEB", sound)
    code, said = examined(capsys)
    lines = {line.split()[1]: line for line in said.splitlines()}
    assert code == 1
    assert said.splitlines()[-1].startswith("keepwarm up would not work yet: packages, redis")
    for what, mend in {
        "packages": "boto3 not installed; run: make setup",
        "redis": "make emulators",
        "ministack": "run: make emulators",
        "model": "keepwarm model fetch",
        "compiler": "apt-get install g++",
        "page": "run: make web",
        "chromium": "apt-get install chromium",
        "image": "apt-get install buildah",
    }.items():
        assert mend in lines[what]


def test_what_is_only_of_use_does_not_fail(
    sound: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name, *_: None)
    monkeypatch.setattr(doctor, "WEB", sound)
    code, said = examined(capsys)
    assert code == 0
    assert "without compiler" in said


def test_too_little_disk(
    sound: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: Usage(10**9, 10**9, 10**7))
    code, said = examined(capsys)
    assert code == 1
    assert "0.3 GB are needed: free some, or set KEEPWARM_HOME" in said


def test_a_home_that_cannot_be_written(
    sound: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.access", lambda path, mode: False)
    code, said = examined(capsys)
    assert code == 1
    assert "cannot be written; set KEEPWARM_HOME" in said


def test_a_model_that_cannot_be_served(sound: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = examined(capsys, "--model", str(sound / "nowhere"))
    assert code == 1
    assert "there is no model folder" in said


def test_too_little_memory(
    sound: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import psutil

    (sound / "config.json").write_text('{"model_type": "llama"}')
    (sound / "model.safetensors").write_bytes(b"\x08" + b"\0" * 4000)
    (sound / "tokenizer.json").write_text("{}")
    Memory = namedtuple("Memory", "available")
    monkeypatch.setattr(psutil, "virtual_memory", lambda: Memory(1000))
    code, said = examined(capsys, "--model", str(sound))
    assert code == 1
    assert "of memory free: end other programs, or choose a smaller model" in said


def test_nothing_is_changed(sound: Path, capsys: pytest.CaptureFixture[str]) -> None:
    examined(capsys)
    assert list(sound.iterdir()) == []
