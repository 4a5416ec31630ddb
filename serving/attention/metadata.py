"""What one step's attention needs to know, built once a step and shared by all layers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor

from serving.kv_cache.slots import slots_of
from serving.kv_cache.storage import LayerCache
from serving.scheduler.output import ScheduledChunk

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class SequenceSlice:
    """One sequence's rows in the packed batch.

    Attributes:
        row: its first row in the packed batch.
        new: rows it has, that is tokens computed in this step.
        cached: tokens before them, already in the cache.
        block_ids: its block table.
    """

    row: int
    new: int
    cached: int
    block_ids: Sequence[int]

    @property
    def total(self) -> int:
        """Tokens in the cache once this step's are written."""
        return self.cached + self.new


@dataclass(frozen=True)
class AttentionStep:
    """One step's batch: all sequences packed along one axis of T rows.

    Attributes:
        slices: the sequences, in the order of their rows.
        slots: [T] int64, where each row's key and value are stored.
        backend: computes the attention.
        plan: what the backend prepared for this batch.
    """

    slices: list[SequenceSlice]
    slots: Tensor
    block_size: int
    backend: AttentionBackend
    plan: Any


class AttentionBackend(Protocol):
    """A way to compute attention over the paged cache. One instance serves all layers."""

    name: str

    def plan(self, slices: list[SequenceSlice], block_size: int, device: torch.device) -> Any:
        """Whatever can be worked out once for all layers of a step."""

    def attend(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        cache: LayerCache,
        step: AttentionStep,
        sinks: Tensor | None,
    ) -> Tensor:
        """Causal attention of each row over its own sequence.

        Args:
            query: [T, query_heads, key_dim].
            key: [T, kv_heads, key_dim], the new tokens' keys, in the cache already.
            value: [T, kv_heads, value_dim], likewise.
            cache: the layer's memory; `cache.spec` has scaling, window and softcap.
            step: the batch.
            sinks: [query_heads] attention sinks of the layer, or None.

        Returns:
            [T, query_heads, value_dim].
        """


def build_step(
    chunks: list[ScheduledChunk], block_size: int, backend: AttentionBackend, device: torch.device
) -> AttentionStep:
    """Pack the scheduled chunks, in order, into one batch."""
    slices: list[SequenceSlice] = []
    slots: list[int] = []
    for chunk in chunks:
        new = len(chunk.token_ids)
        slices.append(SequenceSlice(len(slots), new, chunk.start, chunk.block_ids))
        slots.extend(slots_of(chunk.block_ids, chunk.start, chunk.start + new, block_size))
    return AttentionStep(
        slices=slices,
        slots=torch.tensor(slots, dtype=torch.int64, device=device),
        block_size=block_size,
        backend=backend,
        plan=backend.plan(slices, block_size, device),
    )
