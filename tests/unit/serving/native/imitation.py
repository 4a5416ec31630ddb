"""transformers' modules made to compute with the numbers that fewer bits can hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface

from serving.native import library
from serving.native.precision import Precision

ATTENTION = "rounded_attention"
SPAN = 64
"""Tokens whose weights are rounded under one peak, as in attention.hpp."""

PEAK_SLACK = 8.0
"""Powers of two that a score may be above the peak, as in attention.hpp."""


@torch.no_grad()
def imitate(model: Any, precision: Precision) -> None:
    """Round weights, inputs, queries, keys, values and attention's weights as the kernels do."""
    weights, inputs = ROUNDING[precision]
    embeddings = model.model.embed_tokens
    embeddings.weight.copy_(weights(embeddings.weight))
    for module in model.modules():
        if isinstance(module, nn.Linear):
            module.weight.copy_(weights(module.weight))
            module.register_forward_pre_hook(lambda _, args: (inputs(args[0]),))
    AttentionInterface.register(ATTENTION, attention)
    model.set_attn_implementation(ATTENTION)


def halves(numbers: Tensor) -> Tensor:
    """Rounded to bfloat16."""
    return numbers.to(torch.bfloat16).float()


def by_row(weight: Tensor) -> Tensor:
    """Rounded to 255 values a row."""
    scale = weight.abs().amax(dim=1, keepdim=True) / 127
    return (weight / scale).round() * scale


def by_group(rows: Tensor) -> Tensor:
    """Rounded to multiples of the least power of two of which 127 reach a group's peak."""
    group = library.load().kw_group()
    groups = nn.functional.pad(rows, (0, -rows.shape[-1] % group)).unflatten(-1, (-1, group))
    mantissa, exponent = groups.abs().amax(dim=-1, keepdim=True).clamp_min(1e-30).frexp()
    scale = torch.exp2(exponent - 7 + (mantissa > 127 / 128))
    return ((groups / scale).round() * scale).flatten(-2)[..., : rows.shape[-1]]


ROUNDING: dict[Precision, tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]] = {
    Precision.BFLOAT16: (halves, halves),
    Precision.INT8: (by_row, by_group),
}


def attention(
    module: nn.Module, query: Tensor, key: Tensor, value: Tensor, mask: None, **kwargs: Any
) -> tuple[Tensor, None]:
    """Causal attention of rounded numbers, its weights rounded under the peak so far."""
    rows, group = query.shape[2], query.shape[1] // key.shape[1]
    key, value = (halves(one).repeat_interleave(group, dim=1) for one in (key, value))
    log2_e = 1.44269504088896341
    scores = halves(query * (kwargs["scaling"] * log2_e)) @ key.transpose(2, 3)
    scores = scores.masked_fill(torch.ones(rows, rows).triu(1).bool(), -torch.inf)
    peaks = _peaks([part.amax(-1) for part in scores.split(SPAN, dim=-1)])
    peak = peaks.repeat_interleave(SPAN, dim=-1)[..., :rows]
    weights, rescaled = torch.exp2(scores - peak), torch.exp2(peak - peak[..., -1:])
    gathered = (halves(weights) * rescaled) @ value
    total = (weights * rescaled).sum(dim=-1, keepdim=True)
    return (gathered / total).transpose(1, 2), None


def _peaks(highest: list[Tensor]) -> Tensor:
    """By span: the peak follows the highest score so far when it is left far behind."""
    peaks = [highest[0]]
    for now in highest[1:]:
        peaks.append(torch.where(now > peaks[-1] + PEAK_SLACK, now, peaks[-1]))
    return torch.stack(peaks, dim=-1)
