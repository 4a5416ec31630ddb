"""The default model is checked, packed and planned by the commands that users have."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.main import main

SHIPPED_CODE = Path(__file__).parents[3] / "model" / "code"


def test_it_passes_every_check(default_model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["model", "check", str(default_model), "--no-manifest", "--finite", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["counts"]["failed"] == 0
    assert report["counts"]["warning"] == 0
    messages = {one["check"]: one["message"] for one in report["findings"]}
    assert messages["parameters"] == "134,515,008, all in the files"
    assert messages["finite"] == "no NaN, no infinity"


def test_it_packs_with_the_shipped_code(
    default_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "packed"
    code = ["--code", str(SHIPPED_CODE), "--no-engine"]
    assert main(["model", "pack", str(default_model), "--output", str(output), *code]) == 0
    assert (output / "code" / "inference.py").read_bytes() == (
        SHIPPED_CODE / "inference.py"
    ).read_bytes()
    listed = json.loads((output / "manifest.json").read_text())["files"]
    assert listed["model.safetensors"]["size"] == (output / "model.safetensors").stat().st_size


def test_it_is_planned(default_model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--instance", "ml.c7i.4xlarge", "--context", "2048", "--json"]
    assert main(["plan", "--model", str(default_model), *arguments]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["model"]["parameters"] == 134_515_008
    assert data["plans"][0]["kv_bytes_per_token"] == 30 * 3 * 64 * 2 * 4
