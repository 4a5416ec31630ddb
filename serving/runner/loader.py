"""Loads a checkpoint: safetensors only, none of the checkpoint's own code, dtype and device chosen.

Quantisation settings in the checkpoint's config are passed through to transformers, which either
applies them or says which package is missing.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    GenerationConfig,
    PretrainedConfig,
    PreTrainedModel,
)

from serving.errors import ConfigError, UnsupportedModel
from serving.runner.packing import still_rope

logger = logging.getLogger(__name__)

_DTYPES = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}


def choose_device(name: str) -> torch.device:
    """`auto` is CUDA where there is one.

    Raises:
        ConfigError: CUDA is asked for and torch sees none.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ConfigError(
            f"KEEPWARM_DEVICE is {name!r}; it must be auto, cpu, cuda or cuda:N"
        ) from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ConfigError(f"KEEPWARM_DEVICE is {name!r} but torch sees no CUDA device; use cpu")
    return device


def choose_dtype(name: str, device: torch.device) -> torch.dtype:
    """`auto` is bfloat16 on CUDA and float32 on CPU."""
    if name == "auto":
        return torch.bfloat16 if device.type == "cuda" else torch.float32
    return _DTYPES[name]


def load_config(folder: Path) -> PretrainedConfig:
    """The checkpoint's config.

    Raises:
        UnsupportedModel: transformers does not know the architecture without the repo's own code.
    """
    try:
        config: PretrainedConfig = AutoConfig.from_pretrained(
            str(folder), trust_remote_code=False, local_files_only=True
        )
    except Exception as error:  # whatever a config can break in code that is not ours
        raise UnsupportedModel(
            f"transformers cannot read {folder / 'config.json'} without running the "
            f"checkpoint's own code, which is off: {_first_line(error)}"
        ) from error
    return config


def load_model(folder: Path, *, dtype: torch.dtype, device: torch.device) -> PreTrainedModel:
    """The model in evaluation mode on `device`.

    Raises:
        UnsupportedModel: transformers refuses the checkpoint, or weights are missing in it.
    """
    options: dict[str, Any] = {"dtype": dtype, "attn_implementation": "eager"}
    if device.type == "cuda":
        options["device_map"] = {"": device}
    try:
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            str(folder),
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=True,
            output_loading_info=True,
            **options,
        )
    except Exception as error:  # a spoilt file fails in many ways, none of them ours
        raise UnsupportedModel(
            f"transformers could not load {folder}: {_first_line(error)}"
        ) from error
    model: PreTrainedModel = loaded[0]
    missing = sorted(loaded[1]["missing_keys"])
    if missing:
        raise UnsupportedModel(
            f"{folder} lacks {len(missing)} tensors of its architecture, {missing[0]} among them; "
            "copy all *.safetensors files of the checkpoint"
        )
    model.train(False)
    model.requires_grad_(False)
    return model


def load_skeleton(folder: Path, config: PretrainedConfig) -> PreTrainedModel:
    """The model in fp32 without its weights, on the meta device: shapes and code, no memory.

    Raises:
        UnsupportedModel: transformers cannot read its generation settings.
    """
    auto: Any = AutoModelForCausalLM
    with torch.device("meta"):
        model: PreTrainedModel = auto.from_config(
            config, dtype=torch.float32, attn_implementation="eager", trust_remote_code=False
        )
    if (folder / "generation_config.json").is_file():
        try:
            model.generation_config = GenerationConfig.from_pretrained(str(folder))
        except Exception as error:  # a spoilt file fails in many ways, none of them ours
            raise UnsupportedModel(
                f"transformers cannot read {folder / 'generation_config.json'}: "
                f"{_first_line(error)}"
            ) from error
    model.train(False)
    model.requires_grad_(False)
    still_rope(model)
    return model


def give_rotary_embedding(model: PreTrainedModel) -> None:
    """Put a real rotary embedding, which needs no weights, into a skeleton."""
    decoder: Any = model
    decoder.model.rotary_emb = type(decoder.model.rotary_emb)(config=model.config)


def eos_token_ids(model: PreTrainedModel) -> list[int]:
    """End-of-sequence ids of the generation config, else of the config."""
    for config in (model.generation_config, model.config):
        value = getattr(config, "eos_token_id", None)
        if value is not None:
            return [value] if isinstance(value, int) else list(value)
    return []


def context_length(config: PretrainedConfig) -> int:
    """Positions the model was made for."""
    text = config.get_text_config()
    for name in ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length"):
        value = getattr(text, name, None)
        if isinstance(value, int) and value > 0:
            return value
    return 8192


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return " ".join(line.strip() for line in lines[: 2 if lines[0].endswith(":") else 1])
