from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.errors import PeerFailed
from benchmarks.model_copy import endless_copy


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text('{"vocab_size": 50, "eos_token_id": 2, "hidden_size": 8}')
    (folder / "generation_config.json").write_text('{"eos_token_id": [2, 3], "bos_token_id": 1}')
    (folder / "model.safetensors").write_bytes(b"weights")
    return folder


def test_the_copys_end_token_is_none_that_the_model_can_say(model: Path, tmp_path: Path) -> None:
    copy = endless_copy(model, tmp_path / "copy")
    assert json.loads((copy / "config.json").read_text()) == {
        "vocab_size": 50,
        "eos_token_id": 50,
        "hidden_size": 8,
    }
    assert json.loads((copy / "generation_config.json").read_text()) == {
        "eos_token_id": 50,
        "bos_token_id": 1,
    }


def test_weights_are_linked_and_the_original_stays(model: Path, tmp_path: Path) -> None:
    copy = endless_copy(model, tmp_path / "copy")
    assert (copy / "model.safetensors").is_symlink()
    assert (copy / "model.safetensors").read_bytes() == b"weights"
    assert '"eos_token_id": 2' in (model / "config.json").read_text()


def test_a_model_without_generation_config_gets_one(model: Path, tmp_path: Path) -> None:
    (model / "generation_config.json").unlink()
    copy = endless_copy(model, tmp_path / "copy")
    assert json.loads((copy / "generation_config.json").read_text()) == {"eos_token_id": 50}


@pytest.mark.parametrize("content", [None, "{", "[]", "{}"])
def test_what_is_no_model_is_refused(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "config.json").write_text(content)
    with pytest.raises(PeerFailed, match=r"config\.json"):
        endless_copy(tmp_path, tmp_path / "copy")
