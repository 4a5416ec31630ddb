"""Paged attention on CUDA: torch's own `varlen_attn` with a block table.

No package beyond torch. What its kernel (FlashAttention 2) wants, and what is done about it:
pages of 256 tokens (the default block size on CUDA), fp16 or bf16, int32 tables, and
`num_splits=1`: with split KV, paged calls may return NaN or leave rows unwritten.
`cu_seq_k` must be None where `block_table` is given.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn.attention.varlen import AuxRequest, varlen_attn

from serving.attention.merge import apply_sinks
from serving.attention.metadata import AttentionStep, SequenceSlice
from serving.attention.reference import ReferenceAttention
from serving.kv_cache.storage import LayerCache


@dataclass(frozen=True)
class VarlenPlan:
    """The kernel's view of a batch: cumulative rows [N+1], lengths [N], tables [N, most blocks]."""

    cu_seq_q: Tensor
    seqused_k: Tensor
    block_table: Tensor
    max_q: int
    max_k: int


class VarlenAttention:
    """Attention by a kernel with `torch.nn.attention.varlen.varlen_attn`'s signature.

    Args:
        kernel: the function to call; torch's own by default. Tests pass a CPU stand-in.
    """

    name = "varlen"

    def __init__(self, kernel: Callable[..., Any] | None = None) -> None:
        self._kernel: Callable[..., Any] = kernel or varlen_attn
        self._reference = ReferenceAttention()

    def plan(
        self, slices: list[SequenceSlice], block_size: int, device: torch.device
    ) -> VarlenPlan:
        """Tables padded with block 0, which `seqused_k` keeps out of sight."""
        width = max(-(-item.total // block_size) for item in slices)
        table = [[*item.block_ids[:width], *[0] * (width - len(item.block_ids))] for item in slices]
        bounds = [0, *(item.row + item.new for item in slices)]

        def int32(data: list[Any]) -> Tensor:
            return torch.tensor(data, dtype=torch.int32, device=device)

        return VarlenPlan(
            cu_seq_q=int32(bounds),
            seqused_k=int32([item.total for item in slices]),
            block_table=int32(table),
            max_q=max(item.new for item in slices),
            max_k=max(item.total for item in slices),
        )

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
        spec, plan = cache.spec, step.plan
        if spec.softcap is not None or spec.key_dim != spec.value_dim:
            return self._reference.attend(query, key, value, cache, step, sinks)
        result = self._kernel(
            query,
            cache.keys,
            cache.values,
            plan.cu_seq_q,
            None,
            plan.max_q,
            plan.max_k,
            return_aux=AuxRequest(lse=True) if sinks is not None else None,
            scale=spec.scaling,
            window_size=(-1 if spec.window is None else spec.window - 1, 0),
            enable_gqa=query.shape[1] != spec.num_kv_heads,
            seqused_k=plan.seqused_k,
            block_table=plan.block_table,
            num_splits=1,
        )
        if sinks is None:
            return cast(Tensor, result)
        output, lse = result  # the kernel gives lse as [heads, T]
        return apply_sinks(output, lse.transpose(0, 1), sinks)
