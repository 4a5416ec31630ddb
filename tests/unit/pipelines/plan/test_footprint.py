"""Exact numbers for public models, from their config.json alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipelines.errors import PlanError
from pipelines.plan.footprint import Footprint, footprint
from serving.errors import UnsupportedModel
from tests.unit.pipelines.model.artifacts import safetensors
from tests.unit.pipelines.plan import configs

# name: parameters, KV bytes a token in 16 bits (layers x KV heads x head size x 2 x 2), context
KNOWN = {
    "llama-3.1-8b": (8_030_261_248, 32 * 8 * 128 * 2 * 2, 131_072),
    "qwen2.5-7b": (7_615_616_512, 28 * 4 * 128 * 2 * 2, 32_768),
    "qwen2.5-0.5b": (494_032_768, 24 * 2 * 64 * 2 * 2, 32_768),
    "mistral-7b-v0.1": (7_241_732_096, 32 * 8 * 128 * 2 * 2, 32_768),
    "gemma-2-2b": (2_614_341_888, 26 * 4 * 256 * 2 * 2, 8192),
    "mixtral-8x7b": (46_702_792_704, 32 * 8 * 128 * 2 * 2, 32_768),
    "qwen3-32b": (32_762_123_264, 64 * 8 * 128 * 2 * 2, 40_960),
    "gemma-3-27b": (27_009_346_304, 62 * 16 * 128 * 2 * 2, 131_072),
    "smollm2-135m": (134_515_008, 30 * 3 * 64 * 2 * 2, 8192),
    "deepseek-v2-lite": (15_706_484_224, 27 * 16 * (192 + 128) * 2, 163_840),
    "gpt2": (124_439_808, 12 * 12 * 64 * 2 * 2, 1024),
}


@pytest.mark.parametrize("name", KNOWN)
def test_a_config_alone_is_enough(name: str, tmp_path: Path) -> None:
    measured = footprint(configs.write(tmp_path, name) / "config.json")
    numbers = (measured.parameters, measured.spec.bytes_per_token, measured.context)
    assert numbers == KNOWN[name]
    assert measured.weight_bytes("bfloat16") == 2 * measured.parameters
    assert measured.weight_bytes("float32") == 4 * measured.parameters


def test_windows_are_seen_layer_by_layer(tmp_path: Path) -> None:
    windows = {
        name: footprint(configs.write(tmp_path / name, name)).windows
        for name in ("mistral-7b-v0.1", "gemma-2-2b", "qwen2.5-7b")
    }
    assert windows == {"mistral-7b-v0.1": {4096: 32}, "gemma-2-2b": {4096: 13}, "qwen2.5-7b": {}}


def test_experts_are_counted_apart(tmp_path: Path) -> None:
    measured = footprint(configs.write(tmp_path, "mixtral-8x7b"))
    assert (measured.experts, measured.experts_a_token) == (8, 2)
    assert measured.expert_parameters == 32 * 8 * 3 * 4096 * 14336


def test_a_latent_is_told_beside_the_heads_that_are_kept(tmp_path: Path) -> None:
    assert footprint(configs.write(tmp_path, "deepseek-v2-lite")).latent_values == 27 * (512 + 64)


@pytest.mark.parametrize(
    ("name", "reason"), [("mamba", "recurrent"), ("bloom-560m", "attention interface")]
)
def test_what_the_engine_cannot_serve_is_refused(name: str, reason: str, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedModel, match=reason):
        footprint(configs.write(tmp_path, name))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"num_hidden_layers": 0}, "has 0 layers; at least 1"),
        ({"num_hidden_layers": -3}, "has -3 layers; at least 1"),
        ({"num_key_value_heads": 7}, "32 attention heads cannot share 7 KV heads"),
        ({"num_key_value_heads": 0}, "32 attention heads cannot share 0 KV heads"),
        ({"architectures": ["LlamaForSequenceClassification"]}, "does not write text"),
        ({"architectures": ["LlamaForTokenClassification"]}, "does not write text"),
    ],
)
def test_what_is_no_language_model_is_refused(
    changes: dict[str, Any], reason: str, tmp_path: Path
) -> None:
    with pytest.raises(UnsupportedModel, match=reason):
        footprint(configs.write(tmp_path, "llama-3.1-8b", **changes))


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"model_type": "t5"}, "t5 is an encoder-decoder model"),
        ({"model_type": "whisper"}, "whisper is an encoder-decoder model"),
        ({"model_type": "bert", "architectures": ["BertForMaskedLM"]}, "does not write text"),
        ({"model_type": "qwen2_5_vl"}, "no causal language model of the kind qwen2_5_vl"),
    ],
)
def test_other_kinds_of_models_are_refused(
    config: dict[str, Any], reason: str, tmp_path: Path
) -> None:
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(UnsupportedModel, match=reason):
        footprint(tmp_path)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is not JSON"),
        (b"\xff\xfe", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b"[1]", "names no model_type"),
        (b"{}", "names no model_type"),
        (b'{"model_type": 3}', "names no model_type"),
    ],
)
def test_what_is_no_config_is_refused(content: bytes, reason: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes(content)
    with pytest.raises(PlanError, match=reason):
        footprint(tmp_path)


def test_an_architecture_that_nobody_knows(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "from-the-future"}')
    with pytest.raises(UnsupportedModel, match="own code"):
        footprint(tmp_path)


@pytest.mark.parametrize("name", ["", "nowhere", "weights.safetensors"])
def test_neither_a_folder_nor_a_config(name: str, tmp_path: Path) -> None:
    (tmp_path / "weights.safetensors").write_bytes(b"")
    with pytest.raises(PlanError, match="neither a model folder nor a config"):
        footprint(tmp_path / name)


def test_heads_are_shared_by_gpus_or_kept_by_each(tmp_path: Path) -> None:
    measured = footprint(configs.write(tmp_path, "qwen2.5-7b"))
    spec = [measured.spec_in("bfloat16", tensor).bytes_per_token for tensor in (1, 2, 4, 7)]
    assert spec == [57_344, 28_672, 14_336, 14_336]


def test_kv_in_eight_bits_is_half(tmp_path: Path) -> None:
    measured = footprint(configs.write(tmp_path, "llama-3.1-8b"))
    assert measured.spec_in("int8").bytes_per_token == 65_536
    assert measured.spec_in("float32").bytes_per_token == 262_144


class TestQuantisedWeights:
    CHANGES = {"quantization_config": {"quant_method": "fp8"}}  # noqa: RUF012

    def measured(self, folder: Path) -> Footprint:
        configs.write(folder, "qwen2.5-0.5b", **self.CHANGES)
        (folder / "model.safetensors").write_bytes(
            safetensors({"a": ("F8_E4M3", [10, 10], b"\0" * 100), "b": ("F32", [5], b"\0" * 20)})
        )
        return footprint(folder)

    def test_their_headers_say_how_large_they_are(self, tmp_path: Path) -> None:
        measured = self.measured(tmp_path)
        assert measured.weight_bytes("bfloat16") == 100 + 5 * 2

    @pytest.mark.parametrize(
        ("settings", "bits"),
        [
            ({"quant_method": "fp8"}, 8.0),
            ({"quant_method": "gptq", "bits": 4, "group_size": 128}, 4.125),
            ({"quant_method": "awq", "bits": 4, "group_size": 64}, 4.25),
            ({"quant_method": "bitsandbytes", "load_in_8bit": True}, 8.0),
            (
                {
                    "quant_method": "compressed-tensors",
                    "config_groups": {"a": {"weights": {"num_bits": 8}}},
                },
                8.0,
            ),
        ],
    )
    def test_without_weights_the_config_gives_an_estimate(
        self, settings: dict[str, Any], bits: float, tmp_path: Path
    ) -> None:
        measured = footprint(configs.write(tmp_path, "qwen2.5-0.5b", quantization_config=settings))
        linear = 24 * (896 * (896 + 128 + 128) + 896 * 896 + 3 * 896 * 4864)
        assert (measured.packed_parameters, measured.packed_bits) == (linear, bits)
        whole = 2 * (measured.parameters - linear)
        assert measured.weight_bytes("bfloat16") == whole + int(linear * bits / 8)

    def test_where_nobody_can_tell_it_says_so(self, tmp_path: Path) -> None:
        settings = {"quant_method": "of-tomorrow"}
        configs.write(tmp_path, "qwen2.5-0.5b", quantization_config=settings)
        with pytest.raises(PlanError, match="only the weights say how large"):
            footprint(tmp_path)


def test_a_damaged_header_is_named(tmp_path: Path) -> None:
    configs.write(tmp_path, "qwen2.5-0.5b")
    (tmp_path / "model.safetensors").write_bytes(b"\xff" * 16)
    with pytest.raises(PlanError, match=r"model.safetensors: is not safetensors"):
        footprint(tmp_path)


def test_the_config_is_left_as_it_was(tmp_path: Path) -> None:
    folder = configs.write(tmp_path, "gpt2")
    before = json.loads((folder / "config.json").read_text())
    footprint(folder)
    assert json.loads((folder / "config.json").read_text()) == before
