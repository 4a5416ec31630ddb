"""A tiny copy of an architecture, run as the engine would run it.

The probe tells what the attention looks like; whether the paged cache gives the model's own
answers is only known by running it. So the same config with few layers, few heads and random
weights goes through the engine's own verification, in a second and some megabytes.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from transformers import AutoModelForCausalLM, PretrainedConfig, PreTrainedModel

from serving.attention.reference import ReferenceAttention
from serving.errors import UnsupportedModel
from serving.runner import verify
from serving.runner.packing import forget_padding, pin_rope
from serving.runner.paged_model import PagedModel
from serving.runner.probe import probe

LAYERS, KV_HEADS, GROUP, EXPERTS = 6, 2, 4, 4
VOCABULARY, WIDTH, WINDOW = 251, 64, 11
BLOCK_SIZE = 16
MOST_PARAMETERS = 200_000_000


class CannotShrink(Exception):
    """No tiny copy of this architecture can be made; nothing is said about the model itself."""


def run_trial(config: PretrainedConfig) -> None:
    """Serve a tiny copy from pages and hold its logits against eager attention's.

    Raises:
        UnsupportedModel: the paged engine would refuse the model at its start.
        CannotShrink: there is no tiny copy that runs.
    """
    model = _tiny_model(config)
    pin_rope(model, 512)
    try:
        expected = verify.eager_logits(model)
    except UnsupportedModel as error:
        raise CannotShrink(f"a tiny copy does not run: {error}") from error
    forget_padding(model)
    probed = probe(model, torch.float32)
    blocks = -(-verify.PROMPT_TOKENS // BLOCK_SIZE)
    paged = PagedModel(
        model, probed, ReferenceAttention(), num_blocks=blocks, block_size=BLOCK_SIZE
    )
    verify.check(paged, model, expected, BLOCK_SIZE, served_in=model.dtype)


def shrink(config: PretrainedConfig) -> PretrainedConfig:
    """The same architecture with a few narrow layers; sizes of heads stay as they are.

    Raises:
        CannotShrink: it lacks the sizes that decoders have.
    """
    small: Any = copy.deepcopy(config)
    small.__dict__.pop("quantization_config", None)
    text = small.get_text_config()
    try:
        _shrink_layers(text)
        _shrink_heads(text)
    except (AttributeError, TypeError, ZeroDivisionError) as error:
        raise CannotShrink(f"its config lacks what decoders have: {error}") from error
    for name, most in (
        ("intermediate_size", WIDTH), ("n_inner", WIDTH), ("moe_intermediate_size", WIDTH),
        ("shared_expert_intermediate_size", WIDTH), ("vocab_size", VOCABULARY),
        ("sliding_window", WINDOW), ("n_group", 1), ("topk_group", 1), ("num_mtp_layers", 0),
        ("num_nextn_predict_layers", 0), ("first_k_dense_replace", 1),
    ):  # fmt: skip
        value = getattr(text, name, None)
        if type(value) is int:
            setattr(text, name, min(value, most))
    _shrink_experts(text)
    for name in ("pad_token_id", "bos_token_id", "eos_token_id"):
        setattr(text, name, None)
    return small  # type: ignore[no-any-return]


def _shrink_layers(text: Any) -> None:
    """A few layers with every kind of them; lists with an entry a layer are cut to match."""
    count = text.num_hidden_layers
    kinds = list(getattr(text, "layer_types", None) or [])
    first = [kinds.index(kind) + 1 for kind in set(kinds)]
    layers = min(count, max([2, *first]))
    if layers > LAYERS:
        raise CannotShrink(f"its first {layers} layers are needed to see every kind")
    for name, value in list(vars(text).items()):
        if isinstance(value, list) and len(value) == count:
            setattr(text, name, value[:layers])
    text.num_hidden_layers = layers
    if isinstance(getattr(text, "max_window_layers", None), int):
        text.max_window_layers = min(text.max_window_layers, layers)


def _shrink_heads(text: Any) -> None:
    heads = text.num_attention_heads
    shared = getattr(text, "num_key_value_heads", None) or heads
    size = getattr(text, "head_dim", None) or text.hidden_size // heads
    kv_heads = min(shared, KV_HEADS)
    new_heads = kv_heads * min(max(1, heads // shared), GROUP)
    text.hidden_size = new_heads * size
    text.num_attention_heads = new_heads
    if getattr(text, "num_key_value_heads", None) is not None:
        text.num_key_value_heads = kv_heads


def _shrink_experts(text: Any) -> None:
    chosen = getattr(text, "num_experts_per_tok", None)
    for name in ("num_local_experts", "num_experts", "n_routed_experts"):
        value = getattr(text, name, None)
        if type(value) is int and value > 0:
            setattr(text, name, min(value, max(EXPERTS, chosen or 1)))


def _tiny_model(config: PretrainedConfig) -> PreTrainedModel:
    small = shrink(config)
    auto: Any = AutoModelForCausalLM
    options = {"attn_implementation": "eager", "trust_remote_code": False}
    try:
        with torch.device("meta"):
            size = sum(one.numel() for one in auto.from_config(small, **options).parameters())
        if size > MOST_PARAMETERS:
            raise CannotShrink(f"the tiny copy would still have {size} parameters")
        with torch.random.fork_rng():
            torch.manual_seed(0)
            model: PreTrainedModel = auto.from_config(small, dtype=torch.float32, **options)
            _randomise(model)
    except CannotShrink:
        raise
    except Exception as error:  # whatever odd sizes break in code that is not ours
        lines = str(error).splitlines() or [type(error).__name__]
        raise CannotShrink(f"a tiny copy cannot be built: {lines[0]}") from error
    model.train(False)
    return model


@torch.no_grad()
def _randomise(model: PreTrainedModel) -> None:
    """Weights wide enough for peaked attention: with the usual ones any broken cache agrees."""
    for name, weight in model.named_parameters():
        if weight.dim() >= 2 and "embed" not in name:
            weight.normal_(0.0, 1.5 * weight.shape[-1] ** -0.5)
        elif weight.dim() >= 2:
            weight.normal_()
