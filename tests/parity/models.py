"""Tiny checkpoints with random weights, one for each way in which decoders differ.

Weights are drawn wide, so that attention is peaked, every layer matters and the gap between the
two likeliest tokens is far above rounding; embeddings are never tied, because a tied model with
random weights only repeats its last token, which any broken cache would do as well.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from transformers import (
    AutoModelForCausalLM,
    BloomConfig,
    DeepseekV3Config,
    Gemma2Config,
    Gemma3TextConfig,
    GPT2Config,
    GPTJConfig,
    GptOssConfig,
    LlamaConfig,
    MambaConfig,
    MistralConfig,
    MixtralConfig,
    Phi3Config,
    PretrainedConfig,
    PreTrainedModel,
    Qwen2Config,
    Qwen2MoeConfig,
    Qwen3Config,
    Qwen3MoeConfig,
)

VOCABULARY = 211  # a prime: no stride of token ids falls into step with it
CONTEXT = 640
WINDOW = 11  # shorter than nearly all prompts and no multiple of any block size
SHORT_CONTEXT = 48  # where longrope and dynamic RoPE change their frequencies

_SIZES: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": 48,
    "intermediate_size": 64,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": CONTEXT,
    "tie_word_embeddings": False,
    "bos_token_id": 0,
    "eos_token_id": None,
    "pad_token_id": None,
}
_ALTERNATING = ["sliding_attention", "full_attention", "sliding_attention", "full_attention"]


def _llama(**changes: Any) -> PretrainedConfig:
    return LlamaConfig(**(_SIZES | changes))


def _rope_llama(**rope: Any) -> PretrainedConfig:
    """A Llama whose rotary frequencies are scaled."""
    return _llama(rope_parameters={"rope_theta": 10_000.0, **rope})


def _gemma3() -> PretrainedConfig:
    return Gemma3TextConfig(
        **_SIZES | {"num_hidden_layers": 4, "layer_types": _ALTERNATING, "sliding_window": WINDOW},
        head_dim=20,
        query_pre_attn_scalar=10,
    )


def _gemma2() -> PretrainedConfig:
    return Gemma2Config(
        **_SIZES | {"num_hidden_layers": 4, "layer_types": _ALTERNATING, "sliding_window": WINDOW},
        head_dim=20,
        query_pre_attn_scalar=10,
        attn_logit_softcapping=3.0,
        final_logit_softcapping=20.0,
    )


def _gpt2() -> PretrainedConfig:
    return GPT2Config(
        vocab_size=VOCABULARY,
        n_embd=48,
        n_layer=3,
        n_head=4,
        n_positions=CONTEXT,
        tie_word_embeddings=False,
        bos_token_id=0,
        eos_token_id=None,
        pad_token_id=7,  # an ordinary token of the prompts: it must not be taken for padding
        resid_pdrop=0.1,
    )


def _gpt_oss() -> PretrainedConfig:
    return GptOssConfig(
        **_SIZES | {"num_hidden_layers": 4, "layer_types": _ALTERNATING},
        head_dim=16,
        sliding_window=WINDOW,
        num_local_experts=4,
        num_experts_per_tok=2,
    )


def _phi3_longrope() -> PretrainedConfig:
    pairs = 48 // 4 // 2
    return Phi3Config(
        **_SIZES,
        original_max_position_embeddings=SHORT_CONTEXT,
        rope_parameters={
            "rope_type": "longrope",
            "rope_theta": 10_000.0,
            "short_factor": [1.0 + 0.1 * i for i in range(pairs)],
            "long_factor": [2.0 + 1.5 * i for i in range(pairs)],
            "original_max_position_embeddings": SHORT_CONTEXT,
        },
    )


def _deepseek_v3() -> PretrainedConfig:
    sizes = _SIZES | {"num_key_value_heads": 4, "num_hidden_layers": 2}
    return DeepseekV3Config(
        **sizes,
        moe_intermediate_size=32,
        n_routed_experts=4,
        num_experts_per_tok=2,
        n_group=1,
        topk_group=1,
        first_k_dense_replace=1,
        kv_lora_rank=24,
        q_lora_rank=24,
        qk_rope_head_dim=8,
        qk_nope_head_dim=12,
        v_head_dim=16,
        num_mtp_layers=0,
    )


def _qwen2_moe() -> PretrainedConfig:
    """Its attention never names its window: only its mask knows."""
    return Qwen2MoeConfig(
        **_SIZES,
        moe_intermediate_size=32,
        shared_expert_intermediate_size=32,
        num_experts=4,
        num_experts_per_tok=2,
        use_sliding_window=True,
        sliding_window=40,
        max_window_layers=3,
    )


_MOE: dict[str, Any] = {
    "num_experts": 4,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 32,
    "head_dim": 16,
}

# Odd on purpose where the kernels allow it: a width that fills no panel, an intermediate size that
# fills no vector, three query heads for each KV head.
_NATIVE = _SIZES | {
    "hidden_size": 60,
    "intermediate_size": 75,
    "num_attention_heads": 6,
    "num_key_value_heads": 2,
    "head_dim": 16,
}

CONFIGS: dict[str, Callable[[], PretrainedConfig]] = {
    "llama": _llama,
    "qwen3": lambda: Qwen3Config(**_SIZES, head_dim=20),
    "gemma3": _gemma3,
    "gemma2": _gemma2,
    "gpt2": _gpt2,
    "mistral": lambda: MistralConfig(**_SIZES, sliding_window=WINDOW),
    "gpt_oss": _gpt_oss,
    "mixtral": lambda: MixtralConfig(
        **_SIZES, num_local_experts=4, num_experts_per_tok=2, sliding_window=None
    ),
    "qwen3_moe": lambda: Qwen3MoeConfig(**_SIZES | _MOE),
    "deepseek_v3": _deepseek_v3,
    "llama_yarn": lambda: _rope_llama(
        rope_type="yarn", factor=4.0, original_max_position_embeddings=160
    ),
    "llama3_rope": lambda: _rope_llama(
        rope_type="llama3",
        factor=8.0,
        low_freq_factor=1.0,
        high_freq_factor=4.0,
        original_max_position_embeddings=64,
    ),
    "llama_dynamic": lambda: _llama(
        max_position_embeddings=SHORT_CONTEXT,
        rope_parameters={"rope_type": "dynamic", "factor": 4.0, "rope_theta": 10_000.0},
    ),
    "phi3_longrope": _phi3_longrope,
    "qwen2_moe_windowed": _qwen2_moe,
    "native_llama": lambda: LlamaConfig(**_NATIVE, attention_bias=True),
    "native_mistral": lambda: MistralConfig(**_NATIVE | {"head_dim": 48}, sliding_window=70),
    "native_qwen2": lambda: Qwen2Config(**_NATIVE | {"hidden_size": 96, "num_key_value_heads": 6}),
    "native_qwen3": lambda: Qwen3Config(**_NATIVE | {"num_key_value_heads": 1, "head_dim": 80}),
    "mamba": lambda: MambaConfig(
        vocab_size=VOCABULARY,
        hidden_size=48,
        state_size=8,
        num_hidden_layers=2,
        bos_token_id=0,
        eos_token_id=None,
        pad_token_id=None,
        tie_word_embeddings=False,
    ),
    "bloom": lambda: BloomConfig(
        vocab_size=VOCABULARY,
        hidden_size=48,
        n_layer=2,
        n_head=4,
        bos_token_id=0,
        eos_token_id=None,
        pad_token_id=None,
        tie_word_embeddings=False,
    ),
    "gptj": lambda: GPTJConfig(
        vocab_size=VOCABULARY,
        n_embd=48,
        n_layer=2,
        n_head=4,
        rotary_dim=8,
        n_positions=CONTEXT,
        bos_token_id=0,
        eos_token_id=None,
    ),
}

NATIVE = ("native_llama", "native_mistral", "native_qwen2", "native_qwen3")
"""Models that the compiled kernels run, at block sizes that they take."""

PAGED = (
    "llama",
    "qwen3",
    "gemma3",
    "gemma2",
    "gpt2",
    "mistral",
    "gpt_oss",
    "mixtral",
    "qwen3_moe",
    "deepseek_v3",
    "llama_yarn",
    "llama3_rope",
    *NATIVE,
)
"""Models whose text does not depend on the engine's context length; the matrix runs over them."""


@dataclass(frozen=True)
class Checkpoint:
    """A saved model and the same weights loaded by transformers alone."""

    name: str
    folder: Path
    model: PreTrainedModel


def save(name: str, root: Path, *, seed: int = 0) -> Checkpoint:
    """Build the tiny model `name` under `root`; the same seed gives the same weights."""
    folder = root / name
    model = random_model(CONFIGS[name](), seed=seed)
    model.save_pretrained(folder)
    return Checkpoint(name, folder, load(folder))


def load(folder: Path, *, dtype: torch.dtype = torch.float32) -> PreTrainedModel:
    """The checkpoint as any user of transformers would load it, with eager attention."""
    model: Any = AutoModelForCausalLM.from_pretrained(
        folder, dtype=dtype, attn_implementation="eager", local_files_only=True
    )
    return cast(PreTrainedModel, model.eval())


def random_model(config: PretrainedConfig, *, seed: int = 0) -> PreTrainedModel:
    """A model of this shape, with eager attention; the same seed gives the same weights."""
    auto: Any = AutoModelForCausalLM
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = auto.from_config(config, attn_implementation="eager")
    randomise(model, seed)
    return cast(PreTrainedModel, model.eval())


@torch.no_grad()
def randomise(model: PreTrainedModel, seed: int) -> None:
    """Draw all weights anew: matrices wide, embeddings wider, vectors jittered."""
    generator = torch.Generator().manual_seed(seed + 1)
    for name, weight in model.named_parameters():
        noise = torch.randn(weight.shape, generator=generator)
        if "A_log" in name or name.endswith(".D") or "dt_proj" in name:
            continue  # a recurrence with a random decay overflows
        if "embed" in name or "wte" in name or "wpe" in name:
            weight.copy_(noise)
        elif "sinks" in name:
            weight.copy_(1.0 + noise)
        elif weight.dim() >= 2:
            weight.copy_(0.22 * noise)
        else:
            weight.add_(0.1 * noise)
