"""What the probe hears from each kind of model, and what it refuses with a way out."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from transformers import (
    BartConfig,
    BertConfig,
    DeepseekV4Config,
    DogeConfig,
    Gemma3TextConfig,
    Llama4TextConfig,
    LlamaConfig,
    NemotronConfig,
    PhimoeConfig,
    PretrainedConfig,
    PreTrainedModel,
    Qwen3NextConfig,
    RobertaConfig,
    StableLmConfig,
)

from serving.attention.reference import ReferenceAttention
from serving.errors import UnsupportedModel
from serving.kv_cache.spec import LayerSpec
from serving.runner import verify
from serving.runner.packing import forget_padding, pin_rope
from serving.runner.paged_model import PagedModel
from serving.runner.probe import probe
from tests.parity.models import CONFIGS, VOCABULARY, WINDOW, random_model

PLAIN = LayerSpec(num_kv_heads=2, key_dim=12, value_dim=12, num_query_heads=4, scaling=12**-0.5)
GEMMA = LayerSpec(num_kv_heads=2, key_dim=20, value_dim=20, num_query_heads=4, scaling=10**-0.5)
GPT_OSS = LayerSpec(
    num_kv_heads=2, key_dim=16, value_dim=16, num_query_heads=4, scaling=0.25, has_sinks=True
)


def alternating(layer: LayerSpec) -> list[LayerSpec]:
    return [replace(layer, window=WINDOW), layer] * 2


EXPECTED: dict[str, list[LayerSpec]] = {
    "llama": [PLAIN] * 3,
    "qwen3": [replace(PLAIN, key_dim=20, value_dim=20, scaling=20**-0.5)] * 3,
    "mistral": [replace(PLAIN, window=WINDOW)] * 3,
    "gemma3": alternating(GEMMA),
    "gemma2": alternating(replace(GEMMA, softcap=3.0)),
    "gpt2": [replace(PLAIN, num_kv_heads=4)] * 3,
    "gpt_oss": alternating(GPT_OSS),
    "mixtral": [PLAIN] * 3,
    "qwen3_moe": [replace(PLAIN, key_dim=16, value_dim=16, scaling=0.25)] * 3,
    "deepseek_v3": [replace(PLAIN, num_kv_heads=4, key_dim=20, value_dim=16, scaling=20**-0.5)] * 2,
    "phi3_longrope": [PLAIN] * 3,
}


def build(config: PretrainedConfig) -> PreTrainedModel:
    torch.set_num_threads(1)
    return random_model(config)


@pytest.mark.parametrize("name", EXPECTED)
def test_hears_every_layer_as_it_is(name: str) -> None:
    probed = probe(build(CONFIGS[name]()), torch.bfloat16)
    heard = [replace(layer, scaling=round(layer.scaling, 6)) for layer in probed.spec.layers]
    wanted = [replace(layer, scaling=round(layer.scaling, 6)) for layer in EXPECTED[name]]
    assert heard == wanted
    assert probed.spec.element_bytes == 2


@pytest.mark.parametrize("name", ["llama", "gpt_oss"])
def test_names_the_attention_modules_in_the_order_of_their_layers(name: str) -> None:
    model = build(CONFIGS[name]())
    probed = probe(model, torch.float32)
    assert [module.layer_idx for module in probed.modules] == list(range(len(probed.modules)))
    assert all(any(module is part for part in model.modules()) for module in probed.modules)


def test_bytes_of_a_token_follow_from_what_was_heard() -> None:
    probed = probe(build(CONFIGS["deepseek_v3"]()), torch.float32)
    assert probed.spec.bytes_per_token == 2 * 4 * (20 + 16) * 4


TINY: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "pad_token_id": None,
}

REFUSED: dict[str, tuple[Callable[[], PretrainedConfig], str]] = {
    "recurrent": (CONFIGS["mamba"], "Mamba"),
    "attention with alibi": (CONFIGS["bloom"], "Bloom"),
    "attention of its own": (CONFIGS["gptj"], "GPTJ"),
    "linear attention between": (
        lambda: Qwen3NextConfig(
            **TINY,
            layer_types=["linear_attention", "full_attention"],
            linear_num_key_heads=2,
            linear_num_value_heads=2,
            linear_key_head_dim=8,
            linear_value_head_dim=8,
            num_experts=2,
            num_experts_per_tok=1,
            moe_intermediate_size=16,
            shared_expert_intermediate_size=16,
            head_dim=8,
        ),
        "recurrent",
    ),
    "attention in chunks": (
        lambda: Llama4TextConfig(
            **TINY,
            intermediate_size_mlp=32,
            num_local_experts=2,
            head_dim=8,
            attention_chunk_size=64,
        ),
        "chunks",
    ),
    "encoder and decoder": (
        lambda: BartConfig(
            vocab_size=VOCABULARY,
            d_model=32,
            encoder_layers=1,
            decoder_layers=1,
            encoder_attention_heads=2,
            decoder_attention_heads=2,
            encoder_ffn_dim=32,
            decoder_ffn_dim=32,
        ),
        "encoder-decoder|Bart",
    ),
    "a mask made by the model itself": (
        lambda: DogeConfig(**TINY, keep_window_size=4),
        "Doge",
    ),
    "sight of later tokens": (
        lambda: Gemma3TextConfig(**TINY, head_dim=8, use_bidirectional_attention=True),
        "Gemma3",
    ),
    "no decoder at all": (
        lambda: BertConfig(**{k: v for k, v in TINY.items() if k != "num_key_value_heads"}),
        "Bert",
    ),
    "compressed and sparse attention": (
        lambda: DeepseekV4Config(
            **TINY,
            moe_intermediate_size=16,
            n_routed_experts=2,
            num_experts_per_tok=1,
            head_dim=16,
            q_lora_rank=16,
            o_lora_rank=8,
            index_n_heads=2,
            index_head_dim=8,
            sliding_window=32,
        ),
        "compressed",
    ),
    "a window that only the mask knows": (CONFIGS["qwen2_moe_windowed"], "window"),
    "a window of all layers that only the mask knows": (
        lambda: PhimoeConfig(**TINY, sliding_window=40, num_local_experts=2, num_experts_per_tok=1),
        "window",
    ),
}


def start(model: PreTrainedModel) -> None:
    """What a start does with a model before it serves it."""
    pin_rope(model, 512)
    forget_padding(model)
    expected = verify.eager_logits(model)
    probed = probe(model, torch.float32)
    paged = PagedModel(model, probed, ReferenceAttention(), num_blocks=4, block_size=16)
    verify.check(paged, model, expected, 16, served_in=torch.float32)


@pytest.mark.parametrize(("config", "reason"), REFUSED.values(), ids=REFUSED.keys())
def test_what_pages_cannot_serve_is_refused_with_reason_and_fallback(
    config: Callable[[], PretrainedConfig], reason: str
) -> None:
    with pytest.raises(UnsupportedModel, match=reason) as caught:
        start(build(config()))
    assert "KEEPWARM_BACKEND=generate" in caught.value.message


ODD: dict[str, Callable[[], PretrainedConfig]] = {
    "attention that gets no keywords": lambda: StableLmConfig(**TINY),
    "layers that hand no keywords on": lambda: NemotronConfig(**TINY),
    "positions counted from the padding token": lambda: RobertaConfig(
        **{k: v for k, v in TINY.items() if k != "num_key_value_heads"}, is_decoder=True
    ),
}


@pytest.mark.parametrize("config", ODD.values(), ids=ODD.keys())
def test_an_odd_model_is_served_or_refused_but_never_a_crash(
    config: Callable[[], PretrainedConfig],
) -> None:
    with contextlib.suppress(UnsupportedModel):
        start(build(config()))


def test_refuses_a_layer_that_is_used_twice() -> None:
    """Its keys would overwrite each other in one place."""
    model = build(LlamaConfig(**TINY))
    layers: Any = model.model.layers
    layers[1] = layers[0]
    with pytest.raises(UnsupportedModel, match="twice"):
        probe(model, torch.float32)
