"""Random batches over a paged cache, and attention written out row by row to compare with."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from serving.attention.metadata import AttentionBackend, build_step
from serving.kv_cache.spec import LayerSpec
from serving.kv_cache.storage import LayerCache, allocate_layer
from serving.sampling_params import SamplingParams
from serving.scheduler.output import ScheduledChunk

LAYER = LayerSpec(num_kv_heads=2, key_dim=16, value_dim=16, num_query_heads=4, scaling=0.4)

LAYERS: dict[str, LayerSpec] = {
    "grouped": LAYER,
    "one kv head": replace(LAYER, num_kv_heads=1),
    "no groups": replace(LAYER, num_kv_heads=4, key_dim=24, value_dim=24),
    "window": replace(LAYER, window=7),
    "window of one": replace(LAYER, window=1),
    "window beyond all": replace(LAYER, window=10_000),
    "sinks": replace(LAYER, has_sinks=True),
    "window and sinks": replace(LAYER, window=9, has_sinks=True),
    "softcap": replace(LAYER, softcap=1.5),
    "softcap and window": replace(LAYER, softcap=1.5, window=9),
    "value narrower than key": replace(LAYER, value_dim=8),
}


def chunk(name: str, start: int, new: int, block_ids: list[int]) -> ScheduledChunk:
    """A chunk of which only lengths and blocks matter."""
    return ScheduledChunk(
        request_id=name,
        token_ids=[0] * new,
        start=start,
        block_ids=block_ids,
        samples=True,
        sampling=SamplingParams(),
        prompt_token_ids=[],
        output_token_ids=[],
    )


@dataclass
class Case:
    """A batch with all its tensors. Slots that nobody may read hold NaN."""

    layer: LayerSpec
    block_size: int
    chunks: list[ScheduledChunk]
    dtype: torch.dtype = torch.float32
    seed: int = 0
    cache: LayerCache = field(init=False)
    query: Tensor = field(init=False)
    key: Tensor = field(init=False)
    value: Tensor = field(init=False)
    sinks: Tensor | None = field(init=False)

    def __post_init__(self) -> None:
        generator = torch.Generator().manual_seed(self.seed)

        def noise(*shape: int) -> Tensor:
            return torch.randn(*shape, generator=generator).to(self.dtype)

        layer = self.layer
        blocks = 1 + max(max(item.block_ids) for item in self.chunks)
        self.cache = allocate_layer(
            layer, blocks, self.block_size, dtype=self.dtype, device=torch.device("cpu")
        )
        self.cache.keys.fill_(math.nan)
        self.cache.values.fill_(math.nan)
        rows = sum(len(item.token_ids) for item in self.chunks)
        self.query = noise(rows, layer.num_query_heads, layer.key_dim)
        self.key = noise(rows, layer.num_kv_heads, layer.key_dim)
        self.value = noise(rows, layer.num_kv_heads, layer.value_dim)
        self.sinks = noise(layer.num_query_heads) if layer.has_sinks else None
        row = 0
        for item in self.chunks:
            for position in range(item.end):
                slot = self.slot(item, position)
                if position >= item.start:
                    self.cache.key_slots[slot] = self.key[row]
                    self.cache.value_slots[slot] = self.value[row]
                    row += 1
                elif self.cache.key_slots[slot].isnan().any():
                    self.cache.key_slots[slot] = noise(layer.num_kv_heads, layer.key_dim)
                    self.cache.value_slots[slot] = noise(layer.num_kv_heads, layer.value_dim)

    def slot(self, item: ScheduledChunk, position: int) -> int:
        """Where a sequence's token is stored."""
        block = item.block_ids[position // self.block_size]
        return block * self.block_size + position % self.block_size

    def run(self, backend: AttentionBackend) -> Tensor:
        """What `backend` makes of the batch, float32."""
        step = build_step(self.chunks, self.block_size, backend, torch.device("cpu"))
        return backend.attend(
            self.query, self.key, self.value, self.cache, step, self.sinks
        ).float()

    def expected(self) -> Tensor:
        """Row by row and head by head, in double precision, by the definition."""
        rows: list[Tensor] = []
        for item in self.chunks:
            for position in range(item.start, item.end):
                rows.append(self._row(item, position, self.query[len(rows)].double()))
        return torch.stack(rows).float()

    def _row(self, item: ScheduledChunk, position: int, query: Tensor) -> Tensor:
        layer = self.layer
        first = 0 if layer.window is None else max(0, position - layer.window + 1)
        slots = [self.slot(item, place) for place in range(first, position + 1)]
        keys, values = self.cache.key_slots[slots].double(), self.cache.value_slots[slots].double()
        heads = []
        for head in range(layer.num_query_heads):
            kv_head = head * layer.num_kv_heads // layer.num_query_heads
            scores = keys[:, kv_head] @ query[head] * layer.scaling
            if layer.softcap is not None:
                scores = layer.softcap * torch.tanh(scores / layer.softcap)
            weights = scores.exp()
            total = weights.sum()
            if self.sinks is not None:
                total = total + self.sinks[head].double().exp()
            heads.append((weights[:, None] * values[:, kv_head]).sum(dim=0) / total)
        return torch.stack(heads)


KINDS = ("mixed", "decode", "prefill", "shared", "scattered")


def random_case(
    kind: str, layer: LayerSpec, block_size: int, seed: int, dtype: torch.dtype = torch.float32
) -> Case:
    """A batch of up to six sequences.

    Kinds: `decode` (one row each), `prefill` (nothing cached), `shared` (all begin with the same
    blocks), `scattered` (no two neighbouring blocks), `mixed` (anything).
    """
    rng = random.Random(seed)
    longest = 3 * block_size + 40 if block_size < 100 else 2 * block_size + 40
    common = list(range(2)) if kind == "shared" else []
    blocks_each = -(-(longest + 20) // block_size)
    chunks = []
    for index in range(rng.randint(1, 6)):
        cached = 0 if kind == "prefill" else rng.randint(len(common) * block_size, longest)
        new = 1 if kind == "decode" or (kind == "mixed" and rng.random() < 0.4) else 0
        new = new or rng.randint(1, 20)
        first = len(common) + index * 2 * blocks_each
        own = list(range(first, first + 2 * blocks_each))
        if kind == "scattered":
            own = own[::-2]
        elif kind == "mixed" and rng.random() < 0.5:
            cut = rng.randint(0, blocks_each)  # two runs
            own = own[blocks_each : blocks_each + cut] + own[: blocks_each - cut]
        chunks.append(chunk(f"s{index}", cached, new, (common + own)[:blocks_each]))
    return Case(layer, block_size, chunks, dtype=dtype, seed=seed)
