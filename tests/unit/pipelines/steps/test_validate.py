from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest

from pipelines.plan import document
from pipelines.steps import validate
from tests.unit.pipelines.model.artifacts import checkpoint, plain

INSTANCE = ["--instance", "ml.g6e.2xlarge"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoint(tmp_path_factory.mktemp("models") / "tiny", max_position_embeddings=1024)


def run(model: Path, output: Path, *more: str) -> int:
    arguments = ["--model", str(model), "--output", str(output), *(more or INSTANCE)]
    return validate.main(arguments)


def test_a_good_artifact_gets_manifest_and_plan_and_is_left_as_it_was(
    model: Path, tmp_path: Path
) -> None:
    before = sorted(path.name for path in model.iterdir())
    assert run(model, tmp_path) == 0
    assert sorted(path.name for path in model.iterdir()) == before
    check = json.loads((tmp_path / "check.json").read_text())
    assert (check["accepted"], check["artifact"]) == (True, "tiny")
    assert json.loads((tmp_path / "manifest.json").read_text())["sha256"] == check["sha256"]
    plan = document.load(tmp_path / "plan.json")
    assert (plan.model_name, plan.model_sha256) == ("tiny", check["sha256"])
    assert (plan.instance, plan.context) == ("ml.g6e.2xlarge", 1024)


def test_a_pickle_is_refused_with_its_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = plain(tmp_path / "model")
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps({"a": 1}))
    assert run(folder, tmp_path / "out") == 1
    said = capsys.readouterr().err
    assert said.startswith("the artifact is refused: ")
    assert "pytorch_model.bin" in said
    assert json.loads((tmp_path / "out" / "check.json").read_text())["accepted"] is False
    assert not (tmp_path / "out" / "plan.json").exists()


def test_a_broken_seal_refuses_and_for_an_own_folder_only_warns(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(model, tmp_path / "first")
    folder = checkpoint(tmp_path / "tiny", max_position_embeddings=1024)
    manifest = (tmp_path / "first" / "manifest.json").read_bytes()
    (folder / "manifest.json").write_bytes(manifest)
    (folder / "README.md").write_text("---\nlicense: apache-2.0\n---\nchanged\n")
    assert run(folder, tmp_path / "sealed") == 1
    assert "README.md was changed" in capsys.readouterr().err
    assert run(folder, tmp_path / "own", *INSTANCE, "--unsealed") == 0


@pytest.mark.parametrize(
    ("more", "code", "sentence"),
    [
        (["--instance", "ml.x9.large"], 2, "'ml.x9.large' is not in the table"),
        ([*INSTANCE, "--context", "4096"], 2, "was made for 1024 tokens"),
    ],
)
def test_a_plan_that_cannot_be_made(
    model: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    more: list[str],
    code: int,
    sentence: str,
) -> None:
    assert run(model, tmp_path, *more) == code
    assert sentence in capsys.readouterr().err


def test_a_folder_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path / "none", tmp_path) == 2
    assert "is no folder" in capsys.readouterr().err
