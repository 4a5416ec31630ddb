"""An artifact is laid out as SageMaker expects it, whole or not at all, the same every time."""

from __future__ import annotations

import json
import os
import pickle
import tarfile
from pathlib import Path
from typing import Any

import pytest

from pipelines.errors import ArtifactError
from pipelines.model.check import CheckOptions, check
from pipelines.model.pack import pack
from pipelines.model.report import Report
from pipelines.model.sources import local_source
from tests.unit.pipelines.model.artifacts import WEIGHTS, plain

QUICK = CheckOptions(engine=False)
CODE = "def predict_fn(data, model): ...\n"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return plain(tmp_path / "model")


@pytest.fixture
def code(tmp_path: Path) -> Path:
    folder = tmp_path / "my code"
    (folder / "__pycache__").mkdir(parents=True)
    (folder / "__pycache__" / "inference.pyc").write_bytes(b"x")
    (folder / "inference.py").write_text(CODE)
    return folder


def packed(model: Path, output: Path, code: Path | None = None) -> Report:
    return pack(model, str(output), code=code, options=QUICK)


def test_a_folder_with_code_inside_and_a_manifest(model: Path, code: Path, tmp_path: Path) -> None:
    report = packed(model, tmp_path / "out", code)
    assert not report.refused
    names = sorted(
        path.relative_to(tmp_path / "out").as_posix()
        for path in (tmp_path / "out").rglob("*")
        if path.is_file()
    )
    assert names == [
        "README.md", "code/inference.py", "config.json", "manifest.json", "model.safetensors",
        "tokenizer.json",
    ]  # fmt: skip
    listed = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert listed["sha256"] == report.sha256
    assert sorted(listed["files"]) == [name for name in names if name != "manifest.json"]


def test_what_was_packed_passes_the_check_as_a_sealed_artifact(
    model: Path, code: Path, tmp_path: Path
) -> None:
    for output in ("out", "out.tar.gz"):
        packed(model, tmp_path / output, code)
        options = CheckOptions(engine=False, sealed=True)
        report, _ = check(local_source(tmp_path / output), options)
        assert not report.refused
        assert report.findings[-1].message == "5 files are as manifest.json lists them"


def test_the_archive_is_the_same_byte_for_byte(model: Path, code: Path, tmp_path: Path) -> None:
    packed(model, tmp_path / "one.tar.gz", code)
    for path in model.iterdir():
        os.utime(path, (1, 1))
        path.chmod(0o600)
    packed(model, tmp_path / "two.tar.gz", code)
    assert (tmp_path / "one.tar.gz").read_bytes() == (tmp_path / "two.tar.gz").read_bytes()


def test_the_archive_holds_no_time_and_no_owner(model: Path, tmp_path: Path) -> None:
    packed(model, tmp_path / "out.tar.gz")
    assert (tmp_path / "out.tar.gz").read_bytes()[4:8] == bytes(4)
    with tarfile.open(tmp_path / "out.tar.gz") as archive:
        entries = archive.getmembers()
    assert {(one.mtime, one.uid, one.gid, one.uname, one.mode) for one in entries} == {
        (0, 0, 0, "", 0o644)
    }
    assert [one.name for one in entries[:-1]] == sorted(one.name for one in entries[:-1])


def test_given_code_takes_the_place_of_the_model_s_own(
    model: Path, code: Path, tmp_path: Path
) -> None:
    (model / "code").mkdir()
    (model / "code" / "old.py").write_text("x = 1")
    packed(model, tmp_path / "out", code)
    assert [path.name for path in (tmp_path / "out" / "code").iterdir()] == ["inference.py"]


def test_without_code_the_model_s_own_stays(model: Path, tmp_path: Path) -> None:
    (model / "code").mkdir()
    (model / "code" / "inference.py").write_text(CODE)
    packed(model, tmp_path / "out")
    assert (tmp_path / "out" / "code" / "inference.py").read_text() == CODE


def test_an_old_manifest_is_replaced(model: Path, tmp_path: Path) -> None:
    (model / "manifest.json").write_text("old")
    packed(model, tmp_path / "out")
    assert "old" not in (tmp_path / "out" / "manifest.json").read_text()


@pytest.mark.parametrize("output", ["out", "out.tar.gz"])
def test_what_check_refuses_is_not_packed(output: str, model: Path, tmp_path: Path) -> None:
    (model / "vocab.json").write_bytes(pickle.dumps({}))
    before = sorted(tmp_path.iterdir())
    report = packed(model, tmp_path / output)
    assert report.refused
    assert sorted(tmp_path.iterdir()) == before


def test_links_are_refused_in_code_too(model: Path, code: Path, tmp_path: Path) -> None:
    (code / "secret.py").symlink_to("/etc/passwd")
    assert packed(model, tmp_path / "out", code).refused
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("output", ["taken", "taken.tar.gz"])
def test_nothing_is_ever_written_over(output: str, model: Path, tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "file").write_text("mine")
    (tmp_path / "taken.tar.gz").write_text("mine")
    with pytest.raises(ArtifactError, match="is there already"):
        packed(model, tmp_path / output)
    assert (tmp_path / "taken" / "file").read_text() == "mine"
    assert (tmp_path / "taken.tar.gz").read_text() == "mine"


def test_an_empty_folder_may_be_filled(model: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    packed(model, tmp_path / "out")
    assert (tmp_path / "out" / "config.json").is_file()


@pytest.mark.parametrize("output", ["model/out", "model/out.tar.gz", "model", "my code/x"])
def test_not_into_what_is_read(output: str, model: Path, code: Path, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"lies inside|is there already"):
        packed(model, tmp_path / output, code)


def test_no_such_folders(model: Path, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="there is no folder"):
        packed(tmp_path / "nowhere", tmp_path / "out")
    with pytest.raises(ArtifactError, match="there is no folder"):
        packed(model, tmp_path / "out", tmp_path / "nowhere")


@pytest.mark.parametrize("output", ["out", "out.tar.gz"])
@pytest.mark.parametrize("change", ["other content", "longer", "gone"])
def test_a_change_between_check_and_copy_is_noticed(
    output: str, change: str, model: Path, tmp_path: Path
) -> None:
    path = model / "model.safetensors"
    checked = []

    def spoil(name: str, done: int, total: int) -> None:
        if name == "tokenizer.json" and done == total and not checked:
            checked.append(True)
            if change == "gone":
                path.unlink()
            else:
                path.write_bytes(WEIGHTS[:-1] + b"x" if change == "other content" else WEIGHTS * 2)

    work: Any = tmp_path / "work"
    with pytest.raises(ArtifactError, match=r"model\.safetensors"):
        pack(model, str(work / output), options=QUICK, progress=spoil)
    assert list(work.iterdir()) == []
