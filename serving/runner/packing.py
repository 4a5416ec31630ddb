"""Makes a model's forward independent of what else is packed into the batch."""

from __future__ import annotations

import logging

import torch
from torch import nn
from transformers import PreTrainedModel

logger = logging.getLogger(__name__)


def pin_rope(model: PreTrainedModel, max_model_len: int) -> None:
    """Fix the frequencies that dynamic and longrope RoPE would choose at each forward.

    They choose by the longest position of the batch: a long conversation would change the short
    ones beside it, and disagree with keys already cached. They become those of `max_model_len`.
    """
    for name, module in model.named_modules():
        if hasattr(module, "rope_type") and _is_dynamic(module.rope_type):
            _pin(module, max_model_len)
            logger.info("%s: frequencies fixed to a context of %d tokens", name, max_model_len)


def still_rope(model: PreTrainedModel) -> None:
    """Keep a model without weights from choosing frequencies, which it has none of, when probed."""
    for module in model.modules():
        if isinstance(kind := getattr(module, "rope_type", None), str) and _is_dynamic(kind):
            module.rope_type = "default"  # type: ignore[assignment]


def forget_padding(model: PreTrainedModel) -> None:
    """Drop `pad_token_id`: some models search the ids for it on the host, and nothing is padded."""
    model.config.pad_token_id = None


def _is_dynamic(rope_type: object) -> bool:
    kinds = rope_type.values() if isinstance(rope_type, dict) else [rope_type]
    return any("dynamic" in str(kind) or kind == "longrope" for kind in kinds)


def _pin(module: nn.Module, max_model_len: int) -> None:
    """Let the module choose for the longest position once, then take the choice away from it."""
    device = next(module.buffers()).device
    probe = torch.zeros(1, 1, device=device)
    last = torch.tensor([[max_model_len - 1]], device=device)
    rope_type = module.rope_type
    if isinstance(rope_type, dict):
        for layer_type in rope_type:
            module(probe, last, layer_type=layer_type)
        module.rope_type = dict.fromkeys(rope_type, "default")  # type: ignore[assignment]
    else:
        module(probe, last)
        module.rope_type = "default"  # type: ignore[assignment]
