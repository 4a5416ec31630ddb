"""Joins partial attentions over disjoint parts of a sequence, exactly.

Softmax over a union is the weighted mean of softmaxes over its parts, with weights
exp(log-sum-exp of the part): the identity behind FlashAttention's split-KV and cascade inference.
"""

from __future__ import annotations

import torch
from torch import Tensor


def merge_partials(
    outputs: Tensor, lse: Tensor, row_of: Tensor, num_rows: int
) -> tuple[Tensor, Tensor]:
    """Combine P partial results into `num_rows` rows.

    Args:
        outputs: [P, heads, dim], each normalised over its own part.
        lse: [P, heads] log-sum-exp of the scores of the part.
        row_of: [P] int64, the row each partial belongs to; every row has at least one.
        num_rows: rows of the result.

    Returns:
        The merged output [num_rows, heads, dim] and its log-sum-exp [num_rows, heads].
    """
    index = row_of[:, None].expand_as(lse)
    peak = torch.full((num_rows, lse.shape[1]), -torch.inf, dtype=lse.dtype, device=lse.device)
    peak.scatter_reduce_(0, index, lse, "amax")
    weights = torch.exp(lse - peak[row_of])
    total = torch.zeros_like(peak).index_add_(0, row_of, weights)
    weighted = outputs * weights[..., None].to(outputs.dtype)
    merged = outputs.new_zeros(num_rows, *outputs.shape[1:]).index_add_(0, row_of, weighted)
    return merged / total[..., None].to(outputs.dtype), peak + total.log()


def apply_sinks(output: Tensor, lse: Tensor, sinks: Tensor) -> Tensor:
    """Account for attention sinks after the fact: they only enlarge the softmax's denominator.

    Args:
        output: [T, heads, dim] without sinks.
        lse: [T, heads] without sinks.
        sinks: [heads] logits of the sinks.
    """
    kept = torch.sigmoid(lse.float() - sinks.float())
    return output * kept[..., None].to(output.dtype)
