"""Holds a request back for a step or two while another computes the prefix they share.

Sixteen sessions that open with the same system prompt in the same moment would each prefill it.
Instead the first one does, and the others, a step later, find its blocks in the cache.
"""

from __future__ import annotations

from serving.kv_cache.block_hash import BlockHash

MIN_SHARED_TOKENS = 32


class PrefixHoldback:
    """Block hashes that running sequences are going to compute but have not registered yet."""

    def __init__(self, block_size: int) -> None:
        self._min_blocks = max(1, -(-MIN_SHARED_TOKENS // block_size))
        self._pending: dict[str, list[BlockHash]] = {}
        self._counts: dict[BlockHash, int] = {}

    def begin(self, request_id: str, hashes: list[BlockHash], num_cached: int) -> None:
        """A sequence starts to compute its prompt's blocks after the first `num_cached`."""
        pending = hashes[num_cached:]
        self._pending[request_id] = pending
        for block_hash in pending:
            self._counts[block_hash] = self._counts.get(block_hash, 0) + 1

    def end(self, request_id: str) -> None:
        """Its prompt is computed, or it left; no effect if it was not announced."""
        for block_hash in self._pending.pop(request_id, ()):
            self._counts[block_hash] -= 1
            if not self._counts[block_hash]:
                del self._counts[block_hash]

    def should_wait(self, hashes: list[BlockHash], num_cached: int) -> bool:
        """Whether the next blocks behind the `num_cached` cached ones are being computed now.

        Never for ever: the sequence that computes them runs, finishes its prompt or leaves.
        """
        shared = hashes[num_cached : num_cached + self._min_blocks]
        return len(shared) == self._min_blocks and all(h in self._counts for h in shared)
