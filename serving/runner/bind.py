"""Binds a loaded model to a paged cache by the fastest way that gives its logits.

native   our compiled CPU kernels: fp32 decoders of the Llama family
cpu      transformers' modules, our paged attention out of torch's kernels
varlen   likewise on CUDA
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor
from transformers import PreTrainedModel

from serving.attention.selftest import choose_backend
from serving.config import EngineConfig
from serving.errors import UnsupportedModel
from serving.native.compiler import CannotCompile
from serving.native.model import NativeModel
from serving.native.weights import NotOfTheFamily
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


def bind(
    config: EngineConfig,
    folder: Path,
    model: PreTrainedModel,
    probed: ProbedModel,
    *,
    num_blocks: int,
    block_size: int,
    max_model_len: int,
) -> Binding:
    """Allocate the cache, bind the model to it and hold its logits against eager attention's.

    Raises:
        UnsupportedModel: nothing gives the model's logits.
    """
    pin_rope(model, max_model_len)
    expected = verify.eager_logits(model)
    forget_padding(model)
    if config.kernels == "auto" and config.attention == "auto":
        native = _native(model, probed, num_blocks, block_size)
        if native is not None and _agrees(native, model, expected, num_blocks, block_size):
            return Binding(native, "native")
        if native is not None:  # it took the weights: they are loaded again for the modules
            native.close()
            model = loader.load_model(folder, dtype=model.dtype, device=model.device)
            probed = probe(model, model.dtype)
            pin_rope(model, max_model_len)
            forget_padding(model)
    if config.kernels != "plain":
        pack_linears(model)
    backend = choose_backend(
        probed.spec, block_size, dtype=model.dtype, device=model.device, wanted=config.attention
    )
    paged = PagedModel(model, probed, backend, num_blocks=num_blocks, block_size=block_size)
    _check(paged, model, expected, num_blocks, block_size)
    return Binding(paged, backend.name)


def _native(
    model: PreTrainedModel, probed: ProbedModel, num_blocks: int, block_size: int
) -> NativeModel | None:
    try:
        return NativeModel(model, probed.spec, num_blocks=num_blocks, block_size=block_size)
    except NotOfTheFamily as reason:
        logger.info("transformers' modules compute the model: %s", reason)
    except CannotCompile as reason:
        logger.warning("transformers' modules compute the model, slower than need be: %s", reason)
    return None


def _agrees(
    native: NativeModel, model: PreTrainedModel, expected: Tensor, num_blocks: int, block_size: int
) -> bool:
    try:
        _check(native, model, expected, num_blocks, block_size)
    except UnsupportedModel as reason:
        logger.warning("the compiled kernels are not used: %s", reason)
        return False
    return True


def _check(
    bound: StepModel, model: PreTrainedModel, expected: Tensor, num_blocks: int, block_size: int
) -> None:
    if num_blocks * block_size >= verify.PROMPT_TOKENS:
        verify.check(bound, model, expected, block_size)
