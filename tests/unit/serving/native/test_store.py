"""What is kept between starts is taken only if it is, byte for byte, what was written."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest
import torch

from serving.native import store


@pytest.fixture
def tensors() -> dict[str, torch.Tensor]:
    return {
        "bytes": torch.arange(-60, 60, dtype=torch.int8).view(3, 40),
        "floats": torch.randn(7),
        "empty": torch.empty(0),
    }


@pytest.fixture
def kept(tmp_path: Path, tensors: dict[str, torch.Tensor]) -> Path:
    path = tmp_path / "int8-a.bin"
    store.save(path, tensors)
    return path


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"weights")
    return folder


def path_of(folder: Path) -> Path:
    path = store.store_path(folder, "int8", {"KEEPWARM_HOME": str(folder.parent / "home"), **PATH})
    assert path is not None
    return path


PATH = {"PATH": os.environ["PATH"]}


def test_tensors_come_back_as_they_were(kept: Path, tensors: dict[str, torch.Tensor]) -> None:
    loaded = store.load(kept)
    assert loaded is not None
    assert set(loaded) == set(tensors)
    for name, tensor in tensors.items():
        assert loaded[name].dtype == tensor.dtype
        assert torch.equal(loaded[name], tensor)


@pytest.mark.parametrize("spoil", ["shorter", "longer", "one bit", "empty", "foreign"])
def test_a_spoilt_file_is_not_used(
    kept: Path, spoil: str, caplog: pytest.LogCaptureFixture
) -> None:
    content = bytearray(kept.read_bytes())
    changed = bytearray(content)
    changed[len(content) // 2] ^= 1
    kept.write_bytes(
        {
            "shorter": bytes(content[:-1]),
            "longer": bytes(content) + b"\0",
            "one bit": bytes(changed),
            "empty": b"",
            "foreign": b"not a file of ours, but long enough for a digest and a length" * 3,
        }[spoil]
    )
    with caplog.at_level(logging.WARNING):
        assert store.load(kept) is None
    assert "is spoilt; the weights are quantised again" in caplog.text


def test_what_is_not_there_is_nothing(tmp_path: Path) -> None:
    assert store.load(tmp_path / "int8-b.bin") is None


def test_a_folder_that_others_may_write_to_is_not_trusted(kept: Path) -> None:
    kept.parent.chmod(0o777)
    assert store.load(kept) is None


def test_no_unfinished_file_stays(kept: Path) -> None:
    assert [item.name for item in kept.parent.iterdir()] == [kept.name]


def test_a_folder_that_cannot_be_written_is_a_log_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        store.save(tmp_path / "missing" / "int8-a.bin", {"a": torch.zeros(1)})
    assert "packed weights are not kept" in caplog.text


def test_another_checkpoint_is_kept_elsewhere(checkpoint: Path) -> None:
    before = path_of(checkpoint)
    assert path_of(checkpoint) == before
    (checkpoint / "model.safetensors").write_bytes(b"changed")
    os.utime(checkpoint / "model.safetensors", ns=(1, 1))
    changed = path_of(checkpoint)
    (checkpoint / "config.json").write_text('{"rms_norm_eps": 1}')
    assert len({before, changed, path_of(checkpoint)}) == 3


def test_another_checkpoint_of_the_same_size_and_time_is_kept_elsewhere(checkpoint: Path) -> None:
    weights = checkpoint / "model.safetensors"
    paths = set()
    for content in (b"weights", b"changed"):
        weights.write_bytes(content)
        os.utime(weights, ns=(1, 1))
        paths.add(path_of(checkpoint))
    assert len(paths) == 2


def test_another_version_of_transformers_has_other_logits(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = path_of(checkpoint)
    monkeypatch.setattr(store.transformers, "__version__", "0.0.0")
    assert path_of(checkpoint) != before


def test_the_oldest_are_deleted(tmp_path: Path) -> None:
    for number in range(store.MOST_FILES + 2):
        path = tmp_path / f"int8-{number}.bin"
        store.save(path, {"a": torch.zeros(1)})
        os.utime(path, (number, number))
    left = {item.name for item in tmp_path.iterdir()}
    assert f"int8-{store.MOST_FILES + 1}.bin" in left
    assert "int8-0.bin" not in left
    assert len(left) <= store.MOST_FILES + 1
