"""A checkpoint is loaded whole and safely, or refused with a sentence that says why."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, GPT2Config, LlamaConfig, MambaConfig, T5Config

from serving.checkpoint import check_folder
from serving.errors import ConfigError, KeepwarmError, UnsupportedModel
from serving.runner import loader
from tests.parity.models import random_model, save

CPU = torch.device("cpu")
WEIGHTS, CONFIG = "model.safetensors", "config.json"


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole checkpoint; not to be changed."""
    torch.set_num_threads(1)
    return save("llama", tmp_path_factory.mktemp("models")).folder


@pytest.fixture
def copy(llama: Path, tmp_path: Path) -> Path:
    """A copy to spoil."""
    return Path(shutil.copytree(llama, tmp_path / "model"))


def edit_config(folder: Path, **changes: Any) -> None:
    path = folder / CONFIG
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def edit_weights(folder: Path, change: Callable[[dict[str, torch.Tensor]], Any]) -> None:
    tensors = load_file(folder / WEIGHTS)
    change(tensors)
    save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})


def load(folder: Path) -> Any:
    """The way of a start: folder, config, weights."""
    checked = check_folder(str(folder))
    loader.load_config(checked)
    return loader.load_model(checked, dtype=torch.float32, device=CPU)


def test_loads_for_inference_in_the_dtype_asked_for(llama: Path) -> None:
    model = loader.load_model(llama, dtype=torch.bfloat16, device=CPU)
    assert model.dtype == torch.bfloat16
    assert not model.training
    assert not any(weight.requires_grad for weight in model.parameters())


def cut(folder: Path) -> None:
    content = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(content[: len(content) // 2])


def lose_a_shard(folder: Path) -> None:
    names = sorted(load_file(folder / WEIGHTS))
    shards = [f"model-0000{i}-of-00002.safetensors" for i in (1, 2)]
    (folder / WEIGHTS).rename(folder / shards[0])
    index = {"metadata": {}, "weight_map": {n: shards[i % 2] for i, n in enumerate(names)}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


LOST = "model.layers.1.self_attn.q_proj.weight"

SPOILT: dict[str, Callable[[Path], Any]] = {
    "weights cut short": cut,
    "weights of zeros": lambda folder: (folder / WEIGHTS).write_bytes(bytes(4096)),
    "weights empty": lambda folder: (folder / WEIGHTS).write_bytes(b""),
    "a tensor missing": lambda folder: edit_weights(folder, lambda t: t.pop(LOST)),
    "a shard missing": lose_a_shard,
    "weights under another name": lambda f: (f / WEIGHTS).rename(f / "w.safetensors"),
    "weights of another size": lambda folder: edit_config(folder, hidden_size=40),
    "config no JSON": lambda folder: (folder / CONFIG).write_text("{nope"),
    "config no object": lambda folder: (folder / CONFIG).write_text("[]"),
    "config of wrong types": lambda folder: edit_config(folder, hidden_size="many"),
    "unknown architecture": lambda folder: edit_config(folder, model_type="nonesuch"),
    "quantised by a missing package": lambda folder: edit_config(
        folder, quantization_config={"quant_method": "awq", "bits": 4}
    ),
}


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT.keys())
def test_a_spoilt_checkpoint_is_refused_in_one_sentence(
    copy: Path, spoil: Callable[[Path], Any]
) -> None:
    spoil(copy)
    with pytest.raises((UnsupportedModel, ConfigError)) as caught:
        load(copy)
    message = caught.value.message
    assert message and "\n" not in message
    assert str(copy) in message


def test_the_missing_tensor_is_named(copy: Path) -> None:
    """Transformers would fill it with random numbers and go on."""
    edit_weights(copy, lambda tensors: tensors.pop(LOST))
    with pytest.raises(UnsupportedModel, match=LOST.replace(".", r"\.")):
        load(copy)


def test_a_tied_head_need_not_be_stored(tmp_path: Path) -> None:
    config = LlamaConfig(
        vocab_size=64,
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        tie_word_embeddings=True,
    )
    random_model(config).save_pretrained(tmp_path)
    assert "lm_head.weight" not in load_file(tmp_path / WEIGHTS)
    model = load(tmp_path)
    assert model.lm_head.weight is model.model.embed_tokens.weight


@pytest.mark.parametrize("file", ["pytorch_model.bin", "model.pt", "model.pth"])
def test_pickles_are_refused_unread(copy: Path, file: str) -> None:
    (copy / WEIGHTS).unlink()
    (copy / file).write_bytes(b"would run if unpickled")
    with pytest.raises(UnsupportedModel, match=f"pickles.*{file}.*save_pretrained"):
        load(copy)


def test_pickles_beside_safetensors_are_left_alone(copy: Path) -> None:
    (copy / "pytorch_model.bin").write_bytes(b"would run if unpickled")
    assert load(copy) is not None


@pytest.mark.parametrize("model_type", ["llama", "custom"])
def test_code_in_the_checkpoint_never_runs(copy: Path, tmp_path: Path, model_type: str) -> None:
    mark = tmp_path / "it_ran"
    code = f"open({str(mark)!r}, 'w')\nclass Config: pass\nclass Model: pass\n"
    (copy / "own.py").write_text(code)
    auto_map = {"AutoConfig": "own.Config", "AutoModelForCausalLM": "own.Model"}
    edit_config(copy, model_type=model_type, auto_map=auto_map)
    if model_type == "custom":
        with pytest.raises(UnsupportedModel, match="own code"):
            load(copy)
    else:
        assert type(load(copy)).__name__ == "LlamaForCausalLM"
    assert not mark.exists()


def test_a_folder_without_config_or_weights_says_what_is_missing(
    copy: Path, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="does not exist"):
        load(tmp_path / "nowhere")
    (copy / WEIGHTS).unlink()
    with pytest.raises(ConfigError, match="safetensors"):
        load(copy)
    (copy / CONFIG).unlink()
    with pytest.raises(ConfigError, match=r"config\.json"):
        load(copy)


def test_a_model_that_generates_no_text_alone_is_refused(copy: Path) -> None:
    T5Config(vocab_size=64, d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2).save_pretrained(
        copy
    )
    with pytest.raises(UnsupportedModel):
        load(copy)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_devices_without_a_gpu() -> None:
    assert loader.choose_device("auto") == CPU
    assert loader.choose_device("cpu") == CPU
    for name in ("cuda", "cuda:1"):
        with pytest.raises(ConfigError, match="KEEPWARM_DEVICE"):
            loader.choose_device(name)


@pytest.mark.parametrize("name", ["cpu:x", "cuda:", "cuda:-1"])
def test_a_misspelt_device_is_a_setting_s_error(name: str) -> None:
    with pytest.raises(KeepwarmError, match="KEEPWARM_DEVICE"):
        loader.choose_device(name)


def test_dtypes_by_device() -> None:
    assert loader.choose_dtype("auto", CPU) is torch.float32
    assert loader.choose_dtype("auto", torch.device("cuda")) is torch.bfloat16
    assert loader.choose_dtype("float16", CPU) is torch.float16


@pytest.mark.parametrize(
    ("in_generation", "in_config", "expected"),
    [(5, 7, [5]), ([5, 6], 7, [5, 6]), (None, 7, [7]), (None, None, []), (0, None, [0])],
)
def test_end_tokens_of_the_generation_config_come_first(
    copy: Path, in_generation: Any, in_config: Any, expected: list[int]
) -> None:
    edit_config(copy, eos_token_id=in_config)
    content = {} if in_generation is None else {"eos_token_id": in_generation}
    (copy / "generation_config.json").write_text(json.dumps(content))
    assert loader.eos_token_ids(load(copy)) == expected


def test_context_lengths_under_all_their_names() -> None:
    assert loader.context_length(LlamaConfig(max_position_embeddings=77)) == 77
    assert loader.context_length(GPT2Config(n_positions=78)) == 78
    assert loader.context_length(MambaConfig()) > 0
    multimodal = AutoConfig.for_model("gemma3")
    multimodal.text_config.max_position_embeddings = 79
    assert loader.context_length(multimodal) == 79
