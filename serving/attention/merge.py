"""Joins partial attentions over disjoint parts of a sequence, exactly.

Softmax over a union is the weighted mean of softmaxes over its parts, with weights
exp(log-sum-exp of the part): the identity behind FlashAttention's split-KV and cascade inference.
"""

from __future__ import annotations

import torch
from torch import Tensor


def merge_index(row_of: list[int], num_rows: int) -> Tensor:
    """[num_rows, most] int64: the partials of each row, padded with P, which stands for none.

    Args:
        row_of: for each of the P partials, the row it belongs to.
        num_rows: rows of the result; every row has at least one partial.
    """
    partials: list[list[int]] = [[] for _ in range(num_rows)]
    for partial, row in enumerate(row_of):
        partials[row].append(partial)
    most = max(map(len, partials))
    none = len(row_of)
    return torch.tensor([items + [none] * (most - len(items)) for items in partials])


def merge_partials(outputs: Tensor, lse: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
    """Combine P partial results into rows.

    Args:
        outputs: [P, heads, dim], each normalised over its own part.
        lse: [P, heads] log-sum-exp of the scores of the part.
        index: [rows, most], from `merge_index`.

    Returns:
        The merged output [rows, heads, dim] and its log-sum-exp [rows, heads].
    """
    nothing = lse.new_full((1, lse.shape[1]), -torch.inf)
    shares = torch.cat([lse, nothing])[index]
    weights = shares.softmax(dim=1).to(outputs.dtype)
    parts = torch.cat([outputs, outputs.new_zeros(1, *outputs.shape[1:])])[index]
    return (parts * weights[..., None]).sum(dim=1), shares.logsumexp(dim=1)


def apply_sinks(output: Tensor, lse: Tensor, sinks: Tensor) -> Tensor:
    """Account for attention sinks after the fact: they only enlarge the softmax's denominator.

    Args:
        output: [T, heads, dim] without sinks.
        lse: [T, heads] without sinks.
        sinks: [heads] logits of the sinks.
    """
    kept = torch.sigmoid(lse.float() - sinks.float())
    return output * kept[..., None].to(output.dtype)
