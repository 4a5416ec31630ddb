"""What one token costs in the KV cache, layer by layer: the arithmetic everybody shares."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LayerSpec:
    """One attention layer as the probe saw it.

    Attributes:
        num_kv_heads: heads of K and V.
        key_dim: size of a key head.
        value_dim: size of a value head.
        window: sliding window in tokens, the current one included; None for all.
        has_sinks: whether the layer passes attention sinks.
        softcap: cap of the scores (Gemma 2), None for none.
        scaling: factor of the scores.
    """

    num_kv_heads: int
    key_dim: int
    value_dim: int
    num_query_heads: int
    window: int | None = None
    has_sinks: bool = False
    softcap: float | None = None
    scaling: float = 1.0


@dataclass(frozen=True)
class CacheSpec:
    """KV geometry of a whole model."""

    layers: tuple[LayerSpec, ...]
    element_bytes: int

    @property
    def bytes_per_token(self) -> int:
        """KV bytes of one token over all layers."""
        elements = sum(
            layer.num_kv_heads * (layer.key_dim + layer.value_dim) for layer in self.layers
        )
        return elements * self.element_bytes

    def blocks_in(self, num_bytes: int, block_size: int) -> int:
        """Blocks of `block_size` tokens that fit in `num_bytes`."""
        return num_bytes // (self.bytes_per_token * block_size)
