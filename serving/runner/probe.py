"""Asks a loaded model what its attention looks like, by running it once and listening.

A recording attention function and a one-token forward tell, layer by layer, KV heads, head sizes,
window, sinks, softcap and scaling: no table of architectures to keep. What the paged engine
cannot run is refused here, with the reason and the fallback; and what is accepted must then give
the logits of transformers' own eager attention (`verify.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface, PreTrainedModel

from serving.errors import UnsupportedModel
from serving.kv_cache.spec import CacheSpec, LayerSpec

_PROBE_NAME = "keepwarm_probe"
FALLBACK = "set KEEPWARM_BACKEND=generate to serve it one request at a time"

KNOWN_LAYERS = ("full_attention", "sliding_attention", "attention")
RECURRENT_LAYERS = ("mamba", "linear_attention", "recurrent", "conv", "ssm", "hybrid")


@dataclass(frozen=True)
class ProbedModel:
    """What was heard: attention modules in the order of their calls, and the cache they need."""

    modules: list[nn.Module]
    spec: CacheSpec


def probe(model: PreTrainedModel, dtype: torch.dtype) -> ProbedModel:
    """Find the model's attention layers.

    Raises:
        UnsupportedModel: it cannot be served from a paged cache; the message says why.
    """
    _refuse_by_config(model)
    calls = _record(model)
    modules = [module for module, _ in calls]
    expected = model.config.get_text_config().num_hidden_layers
    if len(calls) < expected:
        raise UnsupportedModel(
            f"{type(model).__name__} sends {len(calls)} of its {expected} layers through "
            f"transformers' attention interface; the others keep state of their own. {FALLBACK}"
        )
    if len({id(module) for module in modules}) < len(modules):
        raise UnsupportedModel(
            f"{type(model).__name__} calls an attention layer twice a token. {FALLBACK}"
        )
    _refuse_hidden_windows(model, [layer for _, layer in calls])
    spec = CacheSpec(tuple(layer for _, layer in calls), dtype.itemsize)
    return ProbedModel(modules, spec)


def _refuse_by_config(model: PreTrainedModel) -> None:
    config = model.config.get_text_config()
    name = type(model).__name__
    if model.config.is_encoder_decoder:
        raise UnsupportedModel(f"{name} is an encoder-decoder model. {FALLBACK}")
    if getattr(config, "attention_chunk_size", None):
        raise UnsupportedModel(f"{name} attends in chunks, which pages do not keep. {FALLBACK}")
    kinds = [str(kind) for kind in getattr(config, "layer_types", None) or []]
    for kind in kinds:
        if any(word in kind for word in RECURRENT_LAYERS):
            raise UnsupportedModel(f"{name} has recurrent layers ({kind}). {FALLBACK}")
        if kind not in KNOWN_LAYERS:
            raise UnsupportedModel(f"{name} has layers that pages do not know ({kind}). {FALLBACK}")
    if getattr(config, "num_kv_shared_layers", 0):
        raise UnsupportedModel(f"{name} shares keys and values between layers. {FALLBACK}")


def _refuse_hidden_windows(model: PreTrainedModel, layers: list[LayerSpec]) -> None:
    """Refuse windows that a model puts into its mask alone: here no mask is made."""
    config = model.config.get_text_config()
    window = getattr(config, "sliding_window", None)
    if not window or not getattr(config, "use_sliding_window", True):
        return
    kinds = getattr(config, "layer_types", None) or ["sliding_attention"] * len(layers)
    for kind, layer in zip(kinds, layers, strict=False):
        if kind == "sliding_attention" and layer.window is None:
            raise UnsupportedModel(
                f"{type(model).__name__} keeps its window of {window} tokens in the attention "
                f"mask, which pages do not have. {FALLBACK}"
            )


def _record(model: PreTrainedModel) -> list[tuple[nn.Module, LayerSpec]]:
    """Run one token through the model and note every attention call."""
    calls: list[tuple[nn.Module, LayerSpec]] = []

    def listen(
        module: nn.Module,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        attention_mask: Tensor | None,
        **kwargs: Any,
    ) -> tuple[Tensor, None]:
        calls.append((module, _describe(query, key, value, kwargs)))
        _, heads, rows, _ = query.shape
        return query.new_zeros(1, rows, heads, value.shape[-1]), None

    AttentionInterface.register(_PROBE_NAME, listen)
    device = model.device
    try:
        model.set_attn_implementation(_PROBE_NAME)
        with torch.inference_mode():
            model(
                input_ids=torch.zeros(1, 1, dtype=torch.int64, device=device),
                position_ids=torch.zeros(1, 1, dtype=torch.int64, device=device),
                use_cache=False,
            )
    except (ValueError, TypeError, RuntimeError, AttributeError, KeyError) as error:
        raise UnsupportedModel(
            f"{type(model).__name__} does not run on transformers' attention interface "
            f"({type(error).__name__}). {FALLBACK}"
        ) from error
    return calls


def _describe(query: Tensor, key: Tensor, value: Tensor, kwargs: dict[str, Any]) -> LayerSpec:
    scaling = kwargs.get("scaling")
    return LayerSpec(
        num_kv_heads=key.shape[1],
        key_dim=key.shape[3],
        value_dim=value.shape[3],
        num_query_heads=query.shape[1],
        window=kwargs.get("sliding_window"),
        has_sinks=kwargs.get("s_aux") is not None,
        softcap=kwargs.get("softcap"),
        scaling=query.shape[3] ** -0.5 if scaling is None else float(scaling),
    )
