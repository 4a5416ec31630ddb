"""The tensors behind the block table. The one module of this package that knows torch.

    one layer, K and V each:  [num_blocks, block_size, kv_heads, head_dim]

    block 0                    block 1
    | slot 0 | ... | slot 15 | slot 16 | ...        slot = block_id * block_size + offset

Token-major inside a block, so that a token's write is one contiguous row, a run of neighbouring
blocks is one strided view, and CUDA's paged kernels take it as it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from serving.kv_cache.spec import CacheSpec, LayerSpec


@dataclass(frozen=True)
class LayerCache:
    """Keys and values of one layer, and the same memory seen slot by slot.

    Attributes:
        keys, values: [num_blocks, block_size, kv_heads, key_dim or value_dim].
        key_slots, value_slots: [num_blocks * block_size, kv_heads, key_dim or value_dim].
    """

    spec: LayerSpec
    keys: Tensor
    values: Tensor
    key_slots: Tensor
    value_slots: Tensor

    def write(self, key: Tensor, value: Tensor, slots: Tensor) -> None:
        """Store new tokens; `key` and `value` are [T, kv_heads, dim], `slots` is [T]."""
        self.key_slots.index_copy_(0, slots, key)
        self.value_slots.index_copy_(0, slots, value)


def allocate_layer(
    spec: LayerSpec, num_blocks: int, block_size: int, *, dtype: torch.dtype, device: torch.device
) -> LayerCache:
    """Memory for one layer.

    Zeroed on CUDA, whose kernels read whole pages and mask afterwards: NaN times zero is NaN. On
    CPU only written slots are read, and untouched memory costs nothing until it is used.
    """
    make = torch.empty if device.type == "cpu" else torch.zeros
    shape = (num_blocks, block_size, spec.num_kv_heads)
    keys = make(*shape, spec.key_dim, dtype=dtype, device=device)
    values = make(*shape, spec.value_dim, dtype=dtype, device=device)
    return LayerCache(spec, keys, values, keys.flatten(0, 1), values.flatten(0, 1))


def allocate_layers(
    spec: CacheSpec, num_blocks: int, block_size: int, *, dtype: torch.dtype, device: torch.device
) -> list[LayerCache]:
    """Memory for the whole model."""
    return [
        allocate_layer(layer, num_blocks, block_size, dtype=dtype, device=device)
        for layer in spec.layers
    ]
