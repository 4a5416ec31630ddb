"""Binds a loaded model to a paged cache by the fastest way that gives its logits.

native   our compiled CPU kernels: decoders of the Llama family in fp32, bf16 or 8 bits
cpu      transformers' modules, our paged attention out of torch's kernels
varlen   likewise on CUDA
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from transformers import PreTrainedModel

from serving.attention.selftest import choose_backend
from serving.config import EngineConfig
from serving.errors import ConfigError, UnsupportedModel
from serving.native.checkpoint_reader import MissingTensor
from serving.native.compiler import CannotCompile
from serving.native.model import NativeModel
from serving.native.precision import Precision, precision_for
from serving.native.source import packed_weights
from serving.native.weights import FAMILY, NotOfTheFamily, check_family
from serving.runner import loader, verify
from serving.runner.interface import StepModel
from serving.runner.linear import pack_linears
from serving.runner.packing import forget_padding, pin_rope
from serving.runner.paged_model import PagedModel
from serving.runner.probe import ProbedModel, probe

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Binding:
    """A model ready for steps, and what computes it."""

    model: StepModel
    backend: str


def open_model(
    config: EngineConfig, folder: Path, *, dtype: torch.dtype, device: torch.device
) -> PreTrainedModel:
    """The checkpoint's model; without its weights where the kernels will read them themselves.

    Raises:
        UnsupportedModel: transformers refuses the checkpoint.
    """
    described = loader.load_config(folder)
    plain = not getattr(described, "quantization_config", None)
    family = set(described.architectures or ["unknown"]) <= set(FAMILY)
    if plain and family and device.type == "cpu" and _precision(config, dtype):
        return loader.load_skeleton(folder, described)
    return loader.load_model(folder, dtype=dtype, device=device)


def bind(
    config: EngineConfig,
    folder: Path,
    model: PreTrainedModel,
    probed: ProbedModel,
    *,
    dtype: torch.dtype,
    num_blocks: int,
    block_size: int,
    max_model_len: int,
) -> Binding:
    """Allocate the cache, bind the model to it and hold its logits against eager attention's.

    Raises:
        UnsupportedModel: nothing gives the model's logits.
        ConfigError: 8 bits are asked for, which only the kernels compute, and they cannot be used.
    """
    reason = "KEEPWARM_KERNELS or KEEPWARM_ATTENTION names others"
    precision = _precision(config, dtype)
    if precision:
        try:
            return _bind_native(
                precision, folder, model, probed, num_blocks, block_size, max_model_len
            )
        except (NotOfTheFamily, MissingTensor) as error:
            logger.info("transformers' modules compute the model: %s", error)
            reason = str(error)
        except (CannotCompile, UnsupportedModel) as error:
            logger.warning("the compiled kernels are not used, slower than need be: %s", error)
            reason = str(error)
    if config.quantization == "int8":
        raise ConfigError(
            f"KEEPWARM_QUANTIZATION is int8, which only the compiled kernels compute, and they "
            f"cannot be used: {reason}; set KEEPWARM_QUANTIZATION=none"
        )
    return _bind_modules(
        config, folder, model, probed, dtype, num_blocks, block_size, max_model_len
    )


def cache_dtype(config: EngineConfig, dtype: torch.dtype) -> torch.dtype:
    """Of keys and values, whatever will compute them."""
    precision = _precision(config, dtype)
    return precision.cache_dtype if precision else dtype


def _precision(config: EngineConfig, dtype: torch.dtype) -> Precision | None:
    """What the kernels would compute in; None where they are not wanted."""
    if (config.backend, config.kernels, config.attention) != ("paged", "auto", "auto"):
        return None
    return precision_for(config.quantization, dtype)


def _bind_native(
    precision: Precision,
    folder: Path,
    model: PreTrainedModel,
    probed: ProbedModel,
    num_blocks: int,
    block_size: int,
    max_model_len: int,
) -> Binding:
    check_family(model, probed.spec, block_size)
    loader.give_rotary_embedding(model)
    pin_rope(model, max_model_len)
    weights, expected = packed_weights(folder, model, verify.eager_logits, precision=precision)
    native = NativeModel(
        model, probed.spec, num_blocks=num_blocks, block_size=block_size, weights=weights
    )
    try:
        served_in = torch.int8 if precision is Precision.INT8 else precision.cache_dtype
        _check(native, model, expected, num_blocks, block_size, served_in)
    except UnsupportedModel:
        native.close()
        raise
    return Binding(native, precision.backend)


def _bind_modules(
    config: EngineConfig,
    folder: Path,
    model: PreTrainedModel,
    probed: ProbedModel,
    dtype: torch.dtype,
    num_blocks: int,
    block_size: int,
    max_model_len: int,
) -> Binding:
    if model.device.type == "meta":  # the kernels were to read the weights
        model = loader.load_model(folder, dtype=dtype, device=torch.device("cpu"))
        probed = probe(model, model.dtype)
    pin_rope(model, max_model_len)
    expected = verify.eager_logits(model)
    forget_padding(model)
    if config.kernels != "plain":
        pack_linears(model)
    backend = choose_backend(
        probed.spec, block_size, dtype=model.dtype, device=model.device, wanted=config.attention
    )
    paged = PagedModel(model, probed, backend, num_blocks=num_blocks, block_size=block_size)
    _check(paged, model, expected, num_blocks, block_size, model.dtype)
    return Binding(paged, backend.name)


def _check(
    bound: StepModel,
    model: PreTrainedModel,
    expected: Tensor,
    num_blocks: int,
    block_size: int,
    served_in: torch.dtype,
) -> None:
    if num_blocks * block_size >= verify.PROMPT_TOKENS:
        verify.check(bound, model, expected, block_size, served_in=served_in)
