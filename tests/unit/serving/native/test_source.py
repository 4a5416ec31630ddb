"""Weights straight from the checkpoint: the same bits as by way of transformers, and kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor
from transformers import AutoConfig

from serving.native import source
from serving.native.checkpoint_reader import CheckpointReader, MissingTensor
from serving.native.precision import Precision
from serving.native.source import packed_weights
from serving.native.weights import DecoderWeights, take_weights, to_tensors
from serving.runner import loader, verify
from tests.parity.models import CONFIGS, NATIVE, load, random_model

MODES = list(Precision)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KEEPWARM_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def saved(root: Path, name: str, dtype: torch.dtype = torch.float32, *, tied: bool = False) -> Path:
    config = CONFIGS[name]()
    config.tie_word_embeddings = tied
    random_model(config).to(dtype).save_pretrained(root / "model")
    return root / "model"


def skeleton(folder: Path) -> Any:
    model = loader.load_skeleton(folder, AutoConfig.from_pretrained(folder))
    loader.give_rotary_embedding(model)
    return model


def packed(folder: Path, *, precision: Precision, forward: Any = verify.eager_logits) -> Any:
    return packed_weights(folder, skeleton(folder), forward, precision=precision)


def same(left: DecoderWeights, right: DecoderWeights) -> bool:
    ours, theirs = to_tensors(left), to_tensors(right)
    return ours.keys() == theirs.keys() and all(torch.equal(ours[n], theirs[n]) for n in ours)


def never(model: Any) -> Tensor:
    raise AssertionError("transformers' modules ran")


@pytest.mark.parametrize("precision", MODES)
@pytest.mark.parametrize("name", NATIVE)
def test_they_are_those_of_the_loaded_model(
    tmp_path: Path, name: str, precision: Precision
) -> None:
    folder = saved(tmp_path, name)
    weights, logits = packed(folder, precision=precision)
    model = load(folder)
    assert torch.allclose(logits, verify.eager_logits(model), atol=1e-4)
    assert same(weights, take_weights(model, precision=precision))


@pytest.mark.parametrize("precision", MODES)
def test_a_tied_head_is_packed_once(tmp_path: Path, precision: Precision) -> None:
    folder = saved(tmp_path, "native_llama", tied=True)
    for forward in (verify.eager_logits, never):
        weights, _ = packed(folder, precision=precision, forward=forward)
        assert weights.embeddings is weights.head


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_a_checkpoint_in_16_bits_is_widened(tmp_path: Path, dtype: torch.dtype) -> None:
    folder = saved(tmp_path, "native_llama", dtype)
    weights, _ = packed(folder, precision=Precision.INT8)
    assert same(weights, take_weights(load(folder), precision=Precision.INT8))


@pytest.mark.parametrize("precision", MODES)
def test_the_second_start_runs_nothing_of_transformers(
    tmp_path: Path, precision: Precision
) -> None:
    folder = saved(tmp_path, "native_qwen3")
    first, logits = packed(folder, precision=precision)
    second, kept = packed(folder, precision=precision, forward=never)
    assert same(first, second)
    assert torch.equal(logits, kept)


def test_kept_bytes_need_no_weights_of_the_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = saved(tmp_path, "native_llama")
    first, _ = packed(folder, precision=Precision.INT8)
    monkeypatch.setattr(source, "CheckpointReader", never)
    assert same(first, packed(folder, precision=Precision.INT8)[0])


def test_a_spoilt_file_is_made_again(tmp_path: Path, home: Path) -> None:
    folder = saved(tmp_path, "native_llama")
    first, _ = packed(folder, precision=Precision.INT8)
    (path,) = (home / "weights").iterdir()
    good = path.read_bytes()
    path.write_bytes(good[:-100])
    assert same(first, packed(folder, precision=Precision.INT8)[0])
    assert path.read_bytes() == good


def test_a_changed_checkpoint_is_quantised_anew(tmp_path: Path) -> None:
    folder = saved(tmp_path, "native_llama")
    first, _ = packed(folder, precision=Precision.INT8)
    random_model(CONFIGS["native_llama"](), seed=5).save_pretrained(folder)
    assert not same(first, packed(folder, precision=Precision.INT8)[0])


def test_a_missing_tensor_is_named(tmp_path: Path) -> None:
    folder = saved(tmp_path, "native_llama")
    with pytest.raises(MissingTensor, match=r"no tensor model\.layers\.9\.mlp"):
        CheckpointReader(folder).read(["model.layers.9.mlp.up_proj.weight"])


def test_shards_of_an_older_save_are_not_read(tmp_path: Path) -> None:
    new, old = tmp_path / "model-00001-of-00001.safetensors", tmp_path / "zz-older.safetensors"
    save_file({"weight": torch.ones(2)}, new)
    save_file({"weight": torch.zeros(2)}, old)
    index = {"metadata": {}, "weight_map": {"weight": new.name}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    assert CheckpointReader(tmp_path).read(["weight"])["weight"].tolist() == [1, 1]
    save_file({"weight": torch.full((2,), 2.0)}, tmp_path / "model.safetensors")
    assert CheckpointReader(tmp_path).read(["weight"])["weight"].tolist() == [2, 2]


@pytest.mark.parametrize(
    "text", ["no json", "{}", '{"weight_map": {"weight": "gone.safetensors"}}']
)
def test_an_index_that_cannot_be_followed_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "model.safetensors.index.json").write_text(text)
    with pytest.raises(MissingTensor, match="cannot be read"):
        CheckpointReader(tmp_path)


def test_a_checkpoint_that_lacks_one_is_told_before_anything_runs(tmp_path: Path) -> None:
    folder = saved(tmp_path, "native_llama")
    config = CONFIGS["native_llama"]()
    config.num_hidden_layers = 5
    config.save_pretrained(folder)
    with pytest.raises(MissingTensor, match=r"no tensor model\.layers\.3\."):
        packed(folder, precision=Precision.INT8, forward=never)


def test_a_lost_output_head_is_not_taken_for_a_tied_one(tmp_path: Path) -> None:
    folder = saved(tmp_path, "native_llama", tied=True)
    CONFIGS["native_llama"]().save_pretrained(folder)
    with pytest.raises(MissingTensor, match=r"no tensor lm_head\.weight"):
        packed(folder, precision=Precision.INT8, forward=never)


def test_the_skeleton_stays_empty(tmp_path: Path) -> None:
    folder = saved(tmp_path, "native_llama")
    model = skeleton(folder)
    packed_weights(folder, model, verify.eager_logits, precision=Precision.FLOAT32)
    assert all(parameter.is_meta for parameter in model.parameters())
