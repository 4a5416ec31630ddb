"""The oracle: plain fp32 attention, one sequence at a time. Slow, and right for every layer.

It is what the self-test compares with, the fallback when a kernel fails it, and the path of
layers that the fast kernels do not do (softcap; keys and values of different sizes).
"""

from __future__ import annotations

import torch
from torch import Tensor

from serving.attention.metadata import AttentionStep, SequenceSlice
from serving.kv_cache.storage import LayerCache


class ReferenceAttention:
    """Gathers a sequence's keys and values and computes softmax(QK')V in fp32."""

    name = "reference"

    def plan(
        self, slices: list[SequenceSlice], block_size: int, device: torch.device
    ) -> list[Tensor]:
        """The slots of each sequence's tokens."""
        offsets = torch.arange(block_size, device=device)
        tables = [torch.tensor(item.block_ids, dtype=torch.int64, device=device) for item in slices]
        return [
            (table[:, None] * block_size + offsets).flatten()[: item.total]
            for table, item in zip(tables, slices, strict=True)
        ]

    def attend(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        cache: LayerCache,
        step: AttentionStep,
        sinks: Tensor | None,
    ) -> Tensor:
        """See AttentionBackend."""
        plan = (
            step.plan
            if step.backend is self
            else self.plan(step.slices, step.block_size, query.device)
        )
        outputs = [
            self._attend_one(query[item.row : item.row + item.new], cache, item, slots, sinks)
            for item, slots in zip(step.slices, plan, strict=True)
        ]
        return torch.cat(outputs).to(query.dtype)

    def _attend_one(
        self,
        query: Tensor,
        cache: LayerCache,
        item: SequenceSlice,
        slots: Tensor,
        sinks: Tensor | None,
    ) -> Tensor:
        """One sequence: query [new, Hq, D] to output [new, Hq, Dv], fp32."""
        spec = cache.spec
        groups = query.shape[1] // spec.num_kv_heads
        keys = cache.key_slots[slots].float().repeat_interleave(groups, dim=1)
        values = cache.value_slots[slots].float().repeat_interleave(groups, dim=1)
        scores = torch.einsum("qhd,khd->hqk", query.float(), keys) * spec.scaling
        if spec.softcap is not None:
            scores = torch.tanh(scores / spec.softcap) * spec.softcap
        scores = scores.masked_fill(~visible(item, spec.window, query.device), -torch.inf)
        if sinks is not None:
            column = sinks.float()[:, None, None].expand(-1, item.new, 1)
            scores = torch.cat([scores, column], dim=-1)
        weights = scores.softmax(dim=-1)[..., : item.total]
        return torch.einsum("hqk,khd->qhd", weights, values)


def visible(
    item: SequenceSlice, window: int | None, device: torch.device, first: int = 0
) -> Tensor:
    """[new, total - first] bool: which tokens from position `first` on each row may see.

    A window counts the row's own token.
    """
    rows = torch.arange(item.cached, item.total, device=device)[:, None]
    columns = torch.arange(first, item.total, device=device)[None, :]
    mask = columns <= rows
    return mask if window is None else mask & (columns > rows - window)
