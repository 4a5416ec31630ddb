"""A checkpoint's architecture without its weights.

It is built on torch's meta device, which has shapes and no memory, and asked by the engine's probe.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, PretrainedConfig, PreTrainedModel

from pipelines.errors import PlanError
from serving.errors import UnsupportedModel
from serving.kv_cache.spec import CacheSpec
from serving.runner.loader import load_config
from serving.runner.packing import forget_padding
from serving.runner.probe import probe

# Grouped matrix products of experts exist on the meta device in this precision alone.
PROBE_DTYPE = torch.bfloat16
MOST_LAYERS = 1024  # each is built as Python objects, shapes or not
OTHER_HEADS = re.compile(
    r"For(Masked|Sequence|Token|Question|Multiple|NextSentence|Image|Audio|Object|Semantic|Pre)"
)


def read_config(path: Path) -> PretrainedConfig:
    """The config of a model folder, or of its config.json alone.

    Raises:
        PlanError: it is no JSON object.
        UnsupportedModel: transformers does not know it without the checkpoint's own code.
    """
    folder = path.parent if path.is_file() else path
    file = folder / "config.json"
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise PlanError(f"{file} is not JSON: download it again") from error
    except OSError as error:
        raise PlanError(f"{file} cannot be read: {error.strerror}") from error
    if not isinstance(content, dict) or not isinstance(content.get("model_type"), str):
        raise PlanError(f"{file} names no model_type: it is not the config of a model")
    return load_config(folder)


def build(config: PretrainedConfig) -> PreTrainedModel:
    """The model with every shape and no weight.

    Raises:
        UnsupportedModel: transformers has no causal language model of this kind.
    """
    _refuse_sizes(config)
    _refuse_other_heads(config)
    auto: Any = AutoModelForCausalLM
    quantized = config.__dict__.pop("quantization_config", None)
    try:
        with torch.device("meta"):
            model: PreTrainedModel = auto.from_config(
                config, dtype=PROBE_DTYPE, attn_implementation="eager", trust_remote_code=False
            )
    except Exception as error:  # a config can break anything in code that is not ours
        lines = str(error).splitlines() or [type(error).__name__]
        if lines[0].startswith("Unrecognized configuration class"):
            raise UnsupportedModel(
                f"transformers has no causal language model of the kind {config.model_type}"
            ) from error
        raise UnsupportedModel(
            f"transformers builds no causal language model of this config: {lines[0]}"
        ) from error
    finally:
        if quantized is not None:
            config.quantization_config = quantized
    model.train(False)
    return model


def _refuse_sizes(config: PretrainedConfig) -> None:
    """Sizes that are no sizes: some would build an empty model, or one that fails when it runs."""
    text = config.get_text_config()
    layers = getattr(text, "num_hidden_layers", 0)
    if not isinstance(layers, int) or not 1 <= layers <= MOST_LAYERS:
        raise UnsupportedModel(
            f"the config has {layers!r} layers; at least 1, at most {MOST_LAYERS} can be"
        )
    heads = getattr(text, "num_attention_heads", None)
    shared = getattr(text, "num_key_value_heads", None)
    if isinstance(heads, int) and isinstance(shared, int) and (shared < 1 or heads % shared):
        raise UnsupportedModel(
            f"{heads} attention heads cannot share {shared} KV heads: the config is damaged"
        )


def _refuse_other_heads(config: PretrainedConfig) -> None:
    """A classifier or an encoder can be built as a language model, and would answer nonsense."""
    if config.is_encoder_decoder:
        raise UnsupportedModel(f"{config.model_type} is an encoder-decoder model")
    for name in getattr(config, "architectures", None) or []:
        if OTHER_HEADS.search(str(name)):
            raise UnsupportedModel(f"{name} does not write text: it needs another kind of server")


def cache_spec(model: PreTrainedModel) -> CacheSpec:
    """Its attention, layer by layer, as the engine's probe hears it; elements of 2 bytes.

    Raises:
        UnsupportedModel: the paged engine cannot serve it.
    """
    forget_padding(model)
    for module in model.modules():
        kind = getattr(module, "rope_type", None)
        if kind is not None:  # frequencies chosen by position need values; shapes do not
            plain: Any = dict.fromkeys(kind, "default") if isinstance(kind, dict) else "default"
            module.rope_type = plain
    try:
        return probe(model, PROBE_DTYPE).spec
    except UnsupportedModel:
        raise
    except Exception as error:  # odd sizes can break anything in code that is not ours
        raise UnsupportedModel(
            f"{type(model).__name__} does not run with this config ({type(error).__name__})"
        ) from error
