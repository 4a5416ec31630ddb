"""What a model takes: parameters, weight bytes, KV bytes a token, widths of its activations.

Parameters are counted on the architecture, exactly; bytes come from the headers of the weights
where they are there and quantised, since only they know how.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from transformers import PretrainedConfig, PreTrainedModel

from pipelines.errors import PlanError
from pipelines.plan.blueprint import build, cache_spec, read_config
from pipelines.plan.quantised import method_of, quantised_bits
from pipelines.plan.weights import StoredWeights, stored_weights
from serving.kv_cache.spec import CacheSpec
from serving.runner.loader import context_length

DTYPE_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}
KV_DTYPE_BYTES = {**DTYPE_BYTES, "float8": 1, "int8": 1}
EXPERT = re.compile(r"\.experts\.")


@dataclass(frozen=True)
class Footprint:
    """A model as the plan sees it, in no precision yet.

    Attributes:
        parameters: exact count, tied weights once.
        expert_parameters: of them in routed experts.
        experts, experts_a_token: 0 where there are none.
        stored: what the weights' headers say; None without weights.
        spec: the KV cache's geometry, with elements of `spec.element_bytes`.
        context: positions that the model was made for.
        hidden, widest: sizes of a token's state and of its widest intermediate.
        embedding_parameters: of the output head, which the CPU kernels keep a second time.
        packed_parameters, packed_bits: of a quantised checkpoint known by its config alone.
        method: of quantisation; empty for plain weights.
        latent_values: numbers a token of all layers whose keys and values are made of one latent.
    """

    architecture: str
    parameters: int
    expert_parameters: int
    experts: int
    experts_a_token: int
    stored: StoredWeights | None
    spec: CacheSpec
    context: int
    hidden: int
    widest: int
    vocabulary: int
    query_heads: int
    embedding_parameters: int
    packed_parameters: int = 0
    packed_bits: float = 0.0
    method: str = ""
    latent_values: int = 0

    def widened(self) -> Footprint:
        """The same when its quantised weights are made plain as they are loaded."""
        return replace(self, stored=None, packed_parameters=0, packed_bits=0.0)

    def weight_bytes(self, dtype: str) -> int:
        """Bytes of the weights as loaded in `dtype`."""
        if self.stored is not None and self.stored.quantised:
            return self.stored.bytes_as(DTYPE_BYTES[dtype])
        whole = (self.parameters - self.packed_parameters) * DTYPE_BYTES[dtype]
        return whole + int(self.packed_parameters * self.packed_bits / 8)

    def spec_in(self, kv_dtype: str, tensor: int = 1) -> CacheSpec:
        """The KV geometry of one of `tensor` GPUs; KV heads that do not divide are kept by each."""
        layers = tuple(
            replace(layer, num_kv_heads=-(-layer.num_kv_heads // tensor))
            for layer in self.spec.layers
        )
        return CacheSpec(layers, KV_DTYPE_BYTES[kv_dtype])

    @property
    def windows(self) -> dict[int, int]:
        """Sliding windows in tokens, and how many layers have each."""
        found: dict[int, int] = {}
        for layer in self.spec.layers:
            if layer.window is not None:
                found[layer.window] = found.get(layer.window, 0) + 1
        return found


def footprint(path: Path) -> Footprint:
    """The footprint of a model folder, or of a config.json alone.

    Raises:
        PlanError: there is no such thing.
        UnsupportedModel: the paged engine cannot serve it; the message says why.
    """
    config_file = path if path.is_file() else path / "config.json"
    if config_file.name != "config.json" or not config_file.is_file():
        raise PlanError(f"{path} is neither a model folder nor a config.json")
    config = read_config(config_file)
    model = build(config)
    return _measure(config, model, None if path.is_file() else stored_weights(path))


def _measure(
    config: PretrainedConfig, model: PreTrainedModel, stored: StoredWeights | None
) -> Footprint:
    text = config.get_text_config()
    sizes = {name: weight.numel() for name, weight in model.named_parameters()}
    experts = sum(count for name, count in sizes.items() if EXPERT.search(name))
    packed, bits = (0, 0.0) if stored else _packed(config, model, experts)
    return Footprint(
        architecture=type(model).__name__,
        parameters=sum(sizes.values()),
        expert_parameters=experts,
        experts=_first(text, "num_local_experts", "num_experts", "n_routed_experts"),
        experts_a_token=_first(text, "num_experts_per_tok", "num_experts_per_token", "top_k"),
        stored=stored,
        spec=cache_spec(model),
        context=context_length(config),
        hidden=_first(text, "hidden_size", "n_embd"),
        widest=_widest(model),
        vocabulary=_first(text, "vocab_size"),
        query_heads=_first(text, "num_attention_heads", "n_head"),
        embedding_parameters=head_parameters(model),
        packed_parameters=packed,
        packed_bits=bits,
        method=method_of(config),
        latent_values=_latent(text) * text.num_hidden_layers,
    )


def _packed(config: PretrainedConfig, model: PreTrainedModel, experts: int) -> tuple[int, float]:
    """Numbers that a quantised checkpoint packs, and their bits; (0, 0) of a plain one."""
    settings = getattr(config, "quantization_config", None)
    if not settings:
        return 0, 0.0
    bits = quantised_bits(config)
    if bits is None:
        raise PlanError(
            "the config says that the weights are quantised, and only the weights say how large "
            "they are: name the folder with its *.safetensors"
        )
    if "mxfp4" in str(settings):
        return experts, bits
    head = output_head(model)
    inside = [part for part in model.modules() if isinstance(part, torch.nn.Linear)]
    return sum(part.weight.numel() for part in inside if part is not head) + experts, bits


def _latent(text: PretrainedConfig) -> int:
    """Numbers of a layer's latent and its rotary part (multi-head latent attention), else 0."""
    rank = _first(text, "kv_lora_rank")
    return rank + _first(text, "qk_rope_head_dim") if rank else 0


def _first(config: PretrainedConfig, *names: str) -> int:
    for name in names:
        value = getattr(config, name, None)
        if isinstance(value, int) and value > 0:
            return value
    return 0


def _widest(model: PreTrainedModel) -> int:
    """Columns of the widest intermediate of a layer: what a linear layer gives, the head aside."""
    head = output_head(model)
    linears = (part for part in model.modules() if isinstance(part, torch.nn.Linear))
    return max((part.out_features for part in linears if part is not head), default=0)


def output_head(model: PreTrainedModel) -> torch.nn.Module | None:
    """The layer that gives the logits."""
    plain: Any = model
    head: torch.nn.Module | None = plain.get_output_embeddings()
    return head


def head_parameters(model: PreTrainedModel) -> int:
    """Numbers of that layer."""
    head = output_head(model)
    return 0 if head is None else sum(weight.numel() for weight in head.parameters())
