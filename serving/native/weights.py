"""Takes a transformers model of the Llama family apart into the arrays that the kernels read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from serving.kv_cache.spec import CacheSpec
from serving.native import library

# Classes whose forward is exactly the kernels' sequence of phases. Others keep transformers' own.
FAMILY = ("LlamaForCausalLM", "MistralForCausalLM", "Qwen2ForCausalLM", "Qwen3ForCausalLM")
TILE, MAX_QUERIES = 16, 64  # as in attention.hpp


class NotOfTheFamily(Exception):
    """The kernels cannot run this model; the message says why."""


@dataclass
class LayerWeights:
    """One layer, packed. All float32; None where the model has no such thing."""

    input_norm: Tensor
    post_norm: Tensor
    q_norm: Tensor | None
    k_norm: Tensor | None
    qkv: Tensor
    qkv_bias: Tensor | None
    output: Tensor
    output_bias: Tensor | None
    gate_up: Tensor
    down: Tensor


@dataclass
class DecoderWeights:
    """The whole model but its embeddings, packed."""

    norm: Tensor
    head: Tensor
    epsilon: float
    intermediate: int
    layers: list[LayerWeights] = field(default_factory=list)


def check_family(model: PreTrainedModel, spec: CacheSpec, block_size: int) -> None:
    """Refuse what the kernels do not compute.

    Raises:
        NotOfTheFamily: with the reason.
    """
    name = type(model).__name__
    if name not in FAMILY:
        raise NotOfTheFamily(f"{name} is not one of {', '.join(FAMILY)}")
    reason = _modules_reason(model) or _attention_reason(spec) or _sizes_reason(spec, block_size)
    if reason:
        raise NotOfTheFamily(reason)


def _modules_reason(model: Any) -> str | None:
    activation = model.config.hidden_act
    linears = [module for module in model.modules() if isinstance(module, nn.Linear)]
    if model.dtype != torch.float32 or model.device.type != "cpu":
        return f"weights are {model.dtype} on {model.device}, not torch.float32 on cpu"
    if activation not in ("silu", "swish"):
        return f"the activation is {activation}, not silu"
    if any(type(one) is not nn.Linear for one in linears) or not linears:
        return "linear layers are not plain ones"
    without_bias = [model.lm_head] + [
        one for layer in model.model.layers for one in layer.mlp.children()
    ]
    if any(getattr(one, "bias", None) is not None for one in without_bias):
        return "the MLP or the output head has a bias"
    return None


def _attention_reason(spec: CacheSpec) -> str | None:
    layer = spec.layers[0]
    if len({_shape(one) for one in spec.layers}) != 1:
        return "attention layers have unlike shapes"
    if any(one.has_sinks or one.softcap is not None for one in spec.layers):
        return "attention has sinks or a softcap"
    if layer.key_dim != layer.value_dim:
        return "keys and values have unlike sizes"
    return None


def _sizes_reason(spec: CacheSpec, block_size: int) -> str | None:
    layer, width = spec.layers[0], library.load().kw_width()
    if block_size % TILE:
        return f"a block of {block_size} tokens is not a multiple of {TILE}"
    if layer.key_dim % width:
        return f"the head size {layer.key_dim} is not a multiple of {width}"
    if layer.num_query_heads > MAX_QUERIES * layer.num_kv_heads:
        return f"a KV head serves more than {MAX_QUERIES} query heads"
    return None


def take_weights(model: PreTrainedModel) -> DecoderWeights:
    """Pack all layers. Each plain weight is freed once it is packed; embeddings stay."""
    decoder: Any = model
    head = decoder.lm_head.weight
    weights = DecoderWeights(
        norm=pad(decoder.model.norm.weight),
        head=pack([head]),
        epsilon=decoder.model.norm.variance_epsilon,
        intermediate=model.config.intermediate_size,
    )
    for layer in decoder.model.layers:
        weights.layers.append(_take_layer(layer))
        for module in layer.modules():
            if isinstance(module, nn.Linear):
                module.weight = nn.Parameter(head.new_zeros(1, 1), requires_grad=False)
    return weights


def _take_layer(layer: Any) -> LayerWeights:
    attention, mlp = layer.self_attn, layer.mlp
    projections = [attention.q_proj, attention.k_proj, attention.v_proj]
    return LayerWeights(
        input_norm=pad(layer.input_layernorm.weight),
        post_norm=pad(layer.post_attention_layernorm.weight),
        q_norm=_norm_weight(attention, "q_norm"),
        k_norm=_norm_weight(attention, "k_norm"),
        qkv=pack([one.weight for one in projections]),
        qkv_bias=_bias(projections),
        output=pack([attention.o_proj.weight]),
        output_bias=_bias([attention.o_proj]),
        gate_up=pack([interleave(mlp.gate_proj.weight, mlp.up_proj.weight)]),
        down=pack([mlp.down_proj.weight]),
    )


def pack(parts: Sequence[Tensor]) -> Tensor:
    """Weights [n_i, k], stacked, as the panels of gemm.hpp: [panels, k, columns of a panel]."""
    lib = library.load()
    weight = torch.cat([part.detach() for part in parts]).contiguous()
    rows, inputs = weight.shape
    packed = torch.empty(_padded(rows), inputs)
    lib.kw_pack(library.address(weight), rows, inputs, library.address(packed))
    return packed


def interleave(gate: Tensor, up: Tensor) -> Tensor:
    """Rows of both by turns of one vector, so that a panel holds a gate and its up."""
    width = library.load().kw_width()
    missing = -len(gate) % width
    sides = [nn.functional.pad(side.detach(), (0, 0, 0, missing)) for side in (gate, up)]
    groups = [side.view(-1, width, side.shape[1]) for side in sides]
    return torch.stack(groups, dim=1).flatten(0, 2)


def pad(vector: Tensor) -> Tensor:
    """A copy whose length is a whole number of panels, filled up with zeros."""
    missing = _padded(len(vector)) - len(vector)
    return nn.functional.pad(vector.detach().float(), (0, missing)).contiguous()


def _padded(length: int) -> int:
    panel: int = 2 * library.load().kw_width()
    return -(-length // panel) * panel


def _bias(linears: Sequence[nn.Linear]) -> Tensor | None:
    if all(one.bias is None for one in linears):
        return None
    parts: list[Tensor] = [
        one.weight.new_zeros(one.out_features) if one.bias is None else one.bias for one in linears
    ]
    return pad(torch.cat(parts))


def _norm_weight(attention: nn.Module, name: str) -> Tensor | None:
    norm = getattr(attention, name, None)
    return None if norm is None else norm.weight.detach().float().contiguous()


def _shape(layer: Any) -> tuple[int, int, int, int]:
    return layer.num_kv_heads, layer.num_query_heads, layer.key_dim, layer.value_dim
