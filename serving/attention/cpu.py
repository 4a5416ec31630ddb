"""Paged attention on CPU out of torch's flash kernel, without masks and mostly without copies.

A step becomes a list of *parts*, each one call of the kernel; their results are merged by
log-sum-exp. For three sessions that share a system prompt, two of them decoding, one prefilling:

    cache slots   | shared system prompt | history A |  | history B |  | history C |
    part 1        [ rows A, B, C ........]                                             no mask
    part 2..4                            [ row A ....]  [ row B ....]  [ rows C ...]   no mask
    part 5        rows C over their own new keys, straight from the packed batch       causal

So a prefix that many sequences share is read once a step, a sequence never attends to another's
tokens, and a contiguous run of blocks is a view. Only sequences cut into many runs, and windowed
layers whose window really cuts, gather the slots they need.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from serving.attention.merge import apply_sinks, merge_index, merge_partials
from serving.attention.metadata import AttentionStep, SequenceSlice
from serving.attention.reference import ReferenceAttention, visible
from serving.kv_cache.slots import runs_of
from serving.kv_cache.storage import LayerCache

MAX_RUNS = 4  # beyond this, one gather costs less than the calls

_flash = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu


@dataclass(frozen=True)
class Part:
    """Rows of the batch and the cached tokens that they all see, as one kernel call.

    Attributes:
        rows: (first, end) of consecutive rows, or an index tensor.
        start, length: a run of slots; `slots` instead where the tokens are scattered.
    """

    rows: tuple[int, int] | Tensor
    start: int = 0
    length: int = 0
    slots: Tensor | None = None

    def take(self, flat: Tensor) -> Tensor:
        """The part's keys or values out of [1, heads, slots, dim]: a view where it can be."""
        if self.slots is None:
            return flat.narrow(2, self.start, self.length)
        return flat.index_select(2, self.slots)


@dataclass(frozen=True)
class CpuPlan:
    """One step's calls, and how their results make rows.

    Attributes:
        parts: over the cache.
        prompts: sequences with new keys of their own to attend causally.
        index: see `merge_index`; None where the results are the rows, in order.
    """

    parts: list[Part]
    prompts: list[SequenceSlice]
    index: Tensor | None


class CpuAttention:
    """Attention for CPU, any dtype that torch's flash kernel takes."""

    name = "cpu"

    def __init__(self) -> None:
        self._reference = ReferenceAttention()

    def plan(self, slices: list[SequenceSlice], block_size: int, device: torch.device) -> CpuPlan:
        """Group equal runs over all sequences: a shared prefix becomes one part."""
        groups: dict[tuple[int, int], list[SequenceSlice]] = {}
        scattered: list[Part] = []
        for item in slices:
            seen = cached_tokens_seen(item)
            runs = runs_of(item.block_ids, seen, block_size) if seen else []
            if len(runs) > MAX_RUNS:
                scattered.append(_gather_part(item, seen, block_size))
                continue
            for run in runs:
                groups.setdefault(run, []).append(item)
        parts = [_run_part(run, items) for run, items in groups.items()] + scattered
        prompts = [item for item in slices if item.new > 1]
        row_of = [row for part in parts for row in _rows(part.rows)]
        row_of += [row for item in prompts for row in range(item.row, item.row + item.new)]
        in_order = row_of == list(range(len(row_of)))
        num_rows = slices[-1].row + slices[-1].new
        return CpuPlan(parts, prompts, None if in_order else merge_index(row_of, num_rows))

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
        spec = cache.spec
        if spec.softcap is not None or spec.key_dim != spec.value_dim:
            return self._reference.attend(query, key, value, cache, step, sinks)
        if spec.window is not None and any(item.total > spec.window for item in step.slices):
            output, lse = _attend_windowed(query, cache, step, spec.window)
        else:
            output, lse = _attend_parts(query, key, value, cache, step.plan)
        return output if sinks is None else apply_sinks(output, lse, sinks)


def cached_tokens_seen(item: SequenceSlice) -> int:
    """Tokens that all rows of a sequence see: with a single row, its own token is among them."""
    return item.total if item.new == 1 else item.cached


def _attend_parts(
    query: Tensor, key: Tensor, value: Tensor, cache: LayerCache, plan: CpuPlan
) -> tuple[Tensor, Tensor]:
    scale = cache.spec.scaling
    results = [_attend_cached(query, cache, plan.parts)] if plan.parts else []
    for item in plan.prompts:
        rows = slice(item.row, item.row + item.new)
        results.append(_attend_causal(query[rows], key[rows], value[rows], scale))
    output = torch.cat([result[0] for result in results])
    lse = torch.cat([result[1] for result in results])
    return (output, lse) if plan.index is None else merge_partials(output, lse, plan.index)


def _attend_cached(query: Tensor, cache: LayerCache, parts: list[Part]) -> tuple[Tensor, Tensor]:
    """All parts, one after the other: [P, query_heads, dim] and [P, query_heads].

    The query heads of a group fold into the row axis, so that a group's keys are read once:
    [T, kv_heads * groups, dim] becomes [1, kv_heads, T * groups, dim], once for all parts.
    """
    rows, heads, dim = query.shape
    kv_heads = cache.spec.num_kv_heads
    groups = heads // kv_heads
    folded = query.view(rows, kv_heads, groups, dim).transpose(0, 1).reshape(1, kv_heads, -1, dim)
    keys, values = cache.key_slots.transpose(0, 1)[None], cache.value_slots.transpose(0, 1)[None]
    results = [
        _flash(
            _select(folded, part.rows, groups),
            part.take(keys),
            part.take(values),
            scale=cache.spec.scaling,
        )
        for part in parts
    ]
    output = torch.cat([result[0] for result in results], dim=2).view(kv_heads, -1, groups, dim)
    lse = torch.cat([result[1] for result in results], dim=2).view(kv_heads, -1, groups)
    return output.transpose(0, 1).reshape(-1, heads, dim), lse.transpose(0, 1).reshape(-1, heads)


def _attend_causal(
    query: Tensor, keys: Tensor, values: Tensor, scale: float, mask: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Rows [new, Hq, D] over keys [n, Hkv, D]: causal, or by `mask` [new, n] where one is given."""
    groups = query.shape[1] // keys.shape[1]
    if groups > 1:
        keys = keys.repeat_interleave(groups, dim=1)
        values = values.repeat_interleave(groups, dim=1)
    output, lse = _flash(
        query.transpose(0, 1)[None],
        keys.transpose(0, 1)[None],
        values.transpose(0, 1)[None],
        is_causal=mask is None,
        attn_mask=mask,
        scale=scale,
    )
    return output[0].transpose(0, 1), lse[0].transpose(0, 1)


def _attend_windowed(
    query: Tensor, cache: LayerCache, step: AttentionStep, window: int
) -> tuple[Tensor, Tensor]:
    """Sequence by sequence, over the slots inside the window of its first row."""
    results = []
    for item in step.slices:
        first = max(0, item.cached + 1 - window)
        slots = _slots(item, first, item.total, step.block_size)
        mask = visible(item, window, query.device, first)
        bias = torch.zeros(mask.shape, dtype=query.dtype).masked_fill_(~mask, -torch.inf)
        rows = query[item.row : item.row + item.new]
        keys, values = cache.key_slots[slots], cache.value_slots[slots]
        results.append(_attend_causal(rows, keys, values, cache.spec.scaling, bias))
    return torch.cat([r[0] for r in results]), torch.cat([r[1] for r in results])


def _run_part(run: tuple[int, int], items: list[SequenceSlice]) -> Part:
    if len(items) == 1:
        rows: tuple[int, int] | Tensor = (items[0].row, items[0].row + items[0].new)
    else:
        rows = torch.cat([torch.arange(item.row, item.row + item.new) for item in items])
    return Part(rows, start=run[0], length=run[1])


def _gather_part(item: SequenceSlice, seen: int, block_size: int) -> Part:
    return Part((item.row, item.row + item.new), slots=_slots(item, 0, seen, block_size))


def _slots(item: SequenceSlice, first: int, end: int, block_size: int) -> Tensor:
    """Slots of positions [first, end)."""
    skipped = first // block_size
    table = torch.tensor(item.block_ids[skipped : -(-end // block_size)], dtype=torch.int64)
    slots = (table[:, None] * block_size + torch.arange(block_size)).flatten()
    return slots[first - skipped * block_size : end - skipped * block_size]


def _rows(rows: tuple[int, int] | Tensor) -> list[int]:
    return list(range(*rows)) if isinstance(rows, tuple) else rows.tolist()


def _select(folded: Tensor, rows: tuple[int, int] | Tensor, groups: int) -> Tensor:
    """The rows' queries out of [1, kv_heads, T * groups, dim]."""
    if isinstance(rows, tuple):
        return folded.narrow(2, rows[0] * groups, (rows[1] - rows[0]) * groups)
    _, kv_heads, _, dim = folded.shape
    whole = folded.view(1, kv_heads, -1, groups * dim)
    return whole.index_select(2, rows).view(1, kv_heads, -1, dim)
