"""A second, larger LRU of KV blocks in the host's memory: modelled here, in no engine of ours.

    a turn ends    its full blocks are copied to the host (nobody waits for that)
    a turn comes   blocks that the pool has lost and the host still has are copied back

The copies back are made before the step that may admit the request, and the whole step waits for
them: a real engine could overlap them with another step's computation.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

from serving.kv_cache.block_hash import BlockHash, extend_hashes
from serving.kv_cache.block_pool import KVBlock
from serving.kv_cache.manager import KVCacheManager
from serving.scheduler.sequence import Sequence


class HostTier:
    """The blocks of one instance's host memory, by hash.

    Args:
        num_blocks: that it holds; 0: there is none.
    """

    def __init__(self, num_blocks: int) -> None:
        self.num_blocks = num_blocks
        self.restored = 0
        self._hashes: OrderedDict[BlockHash, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._hashes)

    def store(self, hashes: Iterable[BlockHash]) -> None:
        """Keep a sequence's blocks, its first one the longest."""
        if not self.num_blocks:
            return
        for block_hash in reversed(list(hashes)):
            self._hashes[block_hash] = None
            self._hashes.move_to_end(block_hash)
        while len(self._hashes) > self.num_blocks:
            self._hashes.popitem(last=False)

    def restore(self, cache: KVCacheManager, sequence: Sequence, spare: int) -> int:
        """Copy back what `sequence` begins with; the number of blocks copied.

        They are left in the pool as any warm block is: free, and found by their hash.

        Args:
            cache: the pool's manager.
            sequence: one that waits.
            spare: free blocks to leave alone.
        """
        if not self.num_blocks:
            return 0
        table, tokens, size = sequence.table, sequence.token_ids, cache.block_size
        extend_hashes(table.hashes, tokens, size, table.salt)
        held: list[KVBlock] = []
        copied = 0
        for index in range((len(tokens) - 1) // size):
            part = tokens[index * size : (index + 1) * size]
            block = cache.pool.lookup(table.hashes[index], part)
            if block is not None:
                cache.pool.hold(block)
            elif table.hashes[index] in self._hashes and cache.pool.num_free > spare:
                (block,) = cache.pool.allocate(1, after=held[-1] if held else None)
                cache.pool.register(block, table.hashes[index], part)
                copied += 1
            else:
                break
            held.append(block)
        cache.pool.release(reversed(held))
        self.restored += copied
        return copied
