"""From a block table to slots: slot = block id * block size + offset in the block."""

from __future__ import annotations

from collections.abc import Sequence


def slots_of(block_ids: Sequence[int], start: int, end: int, block_size: int) -> list[int]:
    """Slots of the tokens at positions [start, end) of a sequence."""
    return [
        block_ids[position // block_size] * block_size + position % block_size
        for position in range(start, end)
    ]


def runs_of(block_ids: Sequence[int], num_tokens: int, block_size: int) -> list[tuple[int, int]]:
    """The first `num_tokens` tokens as contiguous runs of slots: (first slot, length) each."""
    runs: list[tuple[int, int]] = []
    left = num_tokens
    previous = -2
    for block_id in block_ids[: -(-num_tokens // block_size)]:
        length = min(block_size, left)
        left -= length
        if block_id == previous + 1:
            first, so_far = runs[-1]
            runs[-1] = (first, so_far + length)
        else:
            runs.append((block_id * block_size, length))
        previous = block_id
    return runs
