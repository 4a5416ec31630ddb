"""Takes a transformers model of the Llama family apart into the arrays that the kernels read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from serving.kv_cache.spec import CacheSpec
from serving.native import library
from serving.native.pack import Matrix, interleave, pack, pad
from serving.native.precision import Precision

# Classes whose forward is exactly the kernels' sequence of phases. Others keep transformers' own.
FAMILY = ("LlamaForCausalLM", "MistralForCausalLM", "Qwen2ForCausalLM", "Qwen3ForCausalLM")
TILE, MAX_QUERIES = 16, 64  # as in attention.hpp
NORMS = ("input_norm", "post_norm", "q_norm", "k_norm")
MATRICES = ("qkv", "output", "gate_up", "down")


class NotOfTheFamily(Exception):
    """The kernels cannot run this model; the message says why."""


@dataclass(frozen=True)
class LayerWeights:
    """One layer, packed. None where the model has no such norm."""

    input_norm: Tensor
    post_norm: Tensor
    q_norm: Tensor | None
    k_norm: Tensor | None
    qkv: Matrix
    output: Matrix
    gate_up: Matrix
    down: Matrix


@dataclass
class DecoderWeights:
    """The whole model, packed.

    Attributes:
        embeddings: a column for each token, packed like the head; the head itself if it is tied.
    """

    norm: Tensor
    head: Matrix
    embeddings: Matrix
    epsilon: float
    intermediate: int
    layers: list[LayerWeights] = field(default_factory=list)


def to_tensors(weights: DecoderWeights) -> dict[str, Tensor]:
    """All tensors by a name each, as `from_tensors` takes them; a tied matrix appears once."""
    tensors = {"norm": weights.norm, **_of_matrix("head", weights.head)}
    if weights.embeddings is not weights.head:
        tensors.update(_of_matrix("embeddings", weights.embeddings))
    for index, layer in enumerate(weights.layers):
        for item in fields(layer):
            value, name = getattr(layer, item.name), f"layers.{index}.{item.name}"
            if isinstance(value, Matrix):
                tensors.update(_of_matrix(name, value))
            elif value is not None:
                tensors[name] = value
    return tensors


def from_tensors(tensors: Mapping[str, Tensor], model: PreTrainedModel) -> DecoderWeights:
    """The reverse of `to_tensors`, for a `model` of the same shape."""
    decoder: Any = model
    head = _to_matrix("head", tensors)
    tied = "embeddings.weight" not in tensors
    return DecoderWeights(
        norm=tensors["norm"],
        head=head,
        embeddings=head if tied else _to_matrix("embeddings", tensors),
        epsilon=decoder.model.norm.variance_epsilon,
        intermediate=model.config.intermediate_size,
        layers=[_to_layer(f"layers.{i}", tensors) for i in range(len(decoder.model.layers))],
    )


def _to_layer(name: str, tensors: Mapping[str, Tensor]) -> LayerWeights:
    parts: dict[str, Any] = {norm: tensors.get(f"{name}.{norm}") for norm in NORMS}
    parts.update({one: _to_matrix(f"{name}.{one}", tensors) for one in MATRICES})
    return LayerWeights(**parts)


def _of_matrix(name: str, matrix: Matrix) -> dict[str, Tensor]:
    parts = {f"{name}.{item.name}": getattr(matrix, item.name) for item in fields(matrix)}
    return {key: tensor for key, tensor in parts.items() if tensor is not None}


def _to_matrix(name: str, tensors: Mapping[str, Tensor]) -> Matrix:
    scale, bias = tensors.get(f"{name}.scale"), tensors.get(f"{name}.bias")
    return Matrix(tensors[f"{name}.weight"], scale, bias)


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
    if model.dtype != torch.float32 or model.device.type not in ("cpu", "meta"):
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


def take_weights(
    model: PreTrainedModel, *, precision: Precision = Precision.FLOAT32
) -> DecoderWeights:
    """Pack all layers. Each plain weight is freed once it is packed."""
    decoder: Any = model
    plain, table = decoder.lm_head.weight, decoder.model.embed_tokens.weight
    head = pack([plain], precision=precision)
    tied = plain.data_ptr() == table.data_ptr()
    weights = DecoderWeights(
        norm=pad(decoder.model.norm.weight),
        head=head,
        embeddings=head if tied else pack([table], precision=precision),
        epsilon=decoder.model.norm.variance_epsilon,
        intermediate=model.config.intermediate_size,
    )
    decoder.model.norm.to("meta")
    decoder.lm_head.to("meta")
    decoder.model.embed_tokens.to("meta")
    for layer in decoder.model.layers:
        weights.layers.append(pack_layer(layer, precision=precision))
        layer.to("meta")
    return weights


def pack_layer(layer: Any, *, precision: Precision) -> LayerWeights:
    """One layer of transformers' as the kernels read it."""
    attention, mlp = layer.self_attn, layer.mlp
    projections = [attention.q_proj, attention.k_proj, attention.v_proj]

    def packed(parts: Sequence[Tensor], bias: Tensor | None = None) -> Matrix:
        return pack(parts, bias, precision=precision)

    return LayerWeights(
        input_norm=pad(layer.input_layernorm.weight),
        post_norm=pad(layer.post_attention_layernorm.weight),
        q_norm=_norm_weight(attention, "q_norm"),
        k_norm=_norm_weight(attention, "k_norm"),
        qkv=packed([one.weight for one in projections], _bias(projections)),
        output=packed([attention.o_proj.weight], _bias([attention.o_proj])),
        gate_up=packed([interleave(mlp.gate_proj.weight, mlp.up_proj.weight)]),
        down=packed([mlp.down_proj.weight]),
    )


def _bias(linears: Sequence[nn.Linear]) -> Tensor | None:
    if all(one.bias is None for one in linears):
        return None
    parts: list[Tensor] = [
        one.weight.new_zeros(one.out_features) if one.bias is None else one.bias for one in linears
    ]
    return pad(torch.cat(parts))


def _norm_weight(attention: nn.Module, name: str) -> Tensor | None:
    norm = getattr(attention, name, None)
    return None if norm is None else norm.weight.detach().float().clone()


def _shape(layer: Any) -> tuple[int, int, int, int]:
    return layer.num_kv_heads, layer.num_query_heads, layer.key_dim, layer.value_dim
