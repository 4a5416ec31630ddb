"""`keepwarm model check` and `model pack`: tables, JSON, exit codes, what is written where."""

from __future__ import annotations

import errno
import json
import pickle
from pathlib import Path

import pytest

from cli.main import main
from tests.unit.pipelines.model.artifacts import plain, tar_gz


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return plain(tmp_path / "model")


def check(*arguments: object) -> int:
    return main(["model", "check", "--no-engine", *map(str, arguments)])


def pack(*arguments: object) -> int:
    return main(["model", "pack", "--no-engine", *map(str, arguments)])


def test_an_accepted_folder_gets_its_manifest(
    model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check(model) == 0
    out = capsys.readouterr().out
    assert "is accepted: 0 failed, 0 warnings" in out
    assert f"manifest: {model}/manifest.json" in out
    first = (model / "manifest.json").read_bytes()
    assert check(model) == 0
    assert (model / "manifest.json").read_bytes() == first


def test_a_refused_folder_gets_none(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (model / "optimizer.pt").write_bytes(pickle.dumps({}))
    assert check(model) == 1
    out = capsys.readouterr().out
    assert "optimizer.pt is a pickle, which may carry code" in out
    assert "-> save the weights by save_pretrained" in out
    assert "is refused: 1 failed" in out
    assert not (model / "manifest.json").exists()


def test_json_and_nothing_else_on_standard_output(
    model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (model / "modeling_x.py").write_text("")
    assert check(model, "--json") == 0
    captured = capsys.readouterr()
    report = json.loads(captured.out)
    assert (report["status"], report["accepted"]) == ("warning", True)
    assert report["counts"]["warning"] == 1
    assert captured.err == ""


def test_strict(model: Path) -> None:
    (model / "modeling_x.py").write_text("")
    assert check(model, "--strict") == 1


def test_the_manifest_goes_where_it_is_wanted(model: Path, tmp_path: Path) -> None:
    assert check(model, "--manifest", tmp_path / "here.json") == 0
    assert json.loads((tmp_path / "here.json").read_text())["format"] == 1
    assert check(model, "--no-manifest") == 0
    assert not (model / "manifest.json").exists()


def test_a_place_that_cannot_be_written(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check(model, "--manifest", tmp_path / "nowhere" / "m.json") == 1
    assert "give --manifest or --no-manifest" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("artifact", "sentence"),
    [
        ("nowhere", "there is no"),
        ("file.bin", "neither a folder nor a .tar.gz"),
        ("cut.tar.gz", "is no whole tar.gz"),
        ("s3://", "not of the form s3://bucket/prefix"),
    ],
)
def test_what_cannot_be_read_is_one_sentence_and_two(
    artifact: str,
    sentence: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file.bin").write_bytes(b"x")
    (tmp_path / "cut.tar.gz").write_bytes(b"\x1f\x8b\x08")
    assert check(artifact) == 2
    error = capsys.readouterr().err
    assert sentence in error.splitlines()[-1]
    assert "Traceback" not in error


def test_control_characters_of_names_do_not_reach_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive = tar_gz(tmp_path / "m.tar.gz", [("evil\x1b[2J", b""), ("config.json", b"{}")])
    assert check(archive) == 1
    assert "\x1b" not in capsys.readouterr().out


def test_markup_in_names_is_no_markup(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (model / "[bold]x.pkl").write_bytes(b"")
    assert check(model) == 1
    assert "[bold]x.pkl is a pickle" in capsys.readouterr().out


def test_licences_by_argument(model: Path) -> None:
    (model / "README.md").write_text("---\nlicense: llama3.1\n---\n")
    assert check(model, "--no-manifest") == 1
    assert check(model, "--allow-license", "llama3.1") == 0
    assert check(model, "--license", "mit") == 0


class TestPack:
    def test_pack_then_check(
        self, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        code = tmp_path / "code"
        code.mkdir()
        (code / "inference.py").write_text("def model_fn(model_dir): ...")
        output = tmp_path / "model.tar.gz"
        assert pack(model, "--code", code, "--output", output) == 0
        assert f"packed: {output}" in capsys.readouterr().out
        assert check(output) == 0
        assert "are as manifest.json lists them" in capsys.readouterr().out

    def test_what_is_refused_is_not_written(
        self, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (model / "x.pkl").write_bytes(b"")
        assert pack(model, "--output", tmp_path / "out") == 1
        assert "nothing was written" in capsys.readouterr().out
        assert not (tmp_path / "out").exists()

    def test_a_taken_place(
        self, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (tmp_path / "out.tar.gz").write_text("mine")
        assert pack(model, "--output", tmp_path / "out.tar.gz") == 2
        assert "is there already: name a new file" in capsys.readouterr().err

    def test_json(self, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert pack(model, "--output", tmp_path / "out", "--json") == 0
        assert json.loads(capsys.readouterr().out)["output"] == str(tmp_path / "out")


def test_a_name_with_line_breaks_is_one_line(
    model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (model / "a\nformats  ok").write_text("")
    assert check(model) == 1
    assert "a\\nformats  ok: its path leads out" in capsys.readouterr().out


def test_no_name_is_not_this_folder(capsys: pytest.CaptureFixture[str]) -> None:
    assert check("") == 2
    assert "no artifact was named" in capsys.readouterr().err


def test_no_room_for_copies_is_one_sentence(
    model: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("pipelines.model.scan._create", full)
    assert check(model) == 2
    assert "with copies of small files in" in capsys.readouterr().err
