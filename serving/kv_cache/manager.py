"""Gives sequences their blocks: prefix hits, growth, release.

The block table of a sequence only grows while it runs:

    tokens   | t0 .. t15 | t16 .. t31 | t32 .. t39 |
    blocks   |   7 (hit) |   8 (hit)  |  42 (own)  |

Full blocks are registered by hash when the step that fills them is scheduled. That is early
enough for a request scheduled later in the same step: the step writes all new keys and values of
a layer before any attention of that layer reads them.
"""

from __future__ import annotations

from collections.abc import Mapping

from serving.kv_cache.block_hash import BlockHash, extend_hashes
from serving.kv_cache.block_pool import BlockPool, KVBlock, require
from serving.request import KVUsage

MAX_SESSIONS = 64  # in a snapshot


class BlockTable:
    """The blocks of one sequence, in order, and the hashes of its full ones.

    `num_registered` counts the blocks that were offered to the pool, `num_hashed` those of them
    that it can find: it keeps one block a hash.
    """

    __slots__ = ("block_ids", "blocks", "hashes", "label", "num_hashed", "num_registered", "salt")

    def __init__(self, salt: str = "", label: str = "") -> None:
        self.salt = salt
        self.label = label
        self.blocks: list[KVBlock] = []
        self.block_ids: list[int] = []
        self.hashes: list[BlockHash] = []
        self.num_registered = 0
        self.num_hashed = 0

    def append(self, blocks: list[KVBlock]) -> None:
        """Grow by `blocks`."""
        self.blocks.extend(blocks)
        self.block_ids.extend(block.block_id for block in blocks)


class KVCacheManager:
    """The scheduler's view of the KV cache. Knows tokens and blocks, no tensors."""

    def __init__(self, num_blocks: int, block_size: int, *, prefix_caching: bool = True) -> None:
        self.block_size = block_size
        self.pool = BlockPool(num_blocks)
        self._prefix_caching = prefix_caching

    @property
    def num_blocks(self) -> int:
        """Blocks in the pool."""
        return len(self.pool.blocks)

    def blocks_for(self, num_tokens: int) -> int:
        """Blocks that `num_tokens` tokens take."""
        return -(-num_tokens // self.block_size)

    def find_prefix(
        self, table: BlockTable, token_ids: list[int], most: int | None = None
    ) -> list[KVBlock]:
        """Cached blocks that `token_ids` begins with; at least one token is left to compute.

        No more than the first `most` tokens are taken from the cache, if that is given.
        """
        if not self._prefix_caching:
            return []
        extend_hashes(table.hashes, token_ids, self.block_size, table.salt)
        found: list[KVBlock] = []
        limit = len(token_ids) - 1 if most is None else min(most, len(token_ids) - 1)
        for index in range(limit // self.block_size):
            start = index * self.block_size
            tokens = token_ids[start : start + self.block_size]
            block = self.pool.lookup(table.hashes[index], tokens)
            if block is None:
                break
            found.append(block)
        return found

    def can_admit(self, prefix: list[KVBlock], num_tokens: int, spare: int) -> bool:
        """Whether an empty table could hold `num_tokens` tokens that begin with `prefix`.

        `spare` blocks must be left free, unless nothing runs (spare = 0).
        """
        revived = sum(1 for block in prefix if block.ref_count == 0)
        needed = self.blocks_for(num_tokens) - len(prefix)
        return needed + revived + spare <= self.pool.num_free

    def adopt_prefix(self, table: BlockTable, prefix: list[KVBlock]) -> None:
        """Start an empty table with cached blocks."""
        for block in prefix:
            self.pool.hold(block, table.label)
        self.pool.owners.touch(table.label)
        table.append(prefix)
        table.num_registered = table.num_hashed = len(prefix)

    def grow(self, table: BlockTable, num_tokens: int) -> bool:
        """Make the table hold `num_tokens` tokens; False (and nothing done) without room."""
        needed = -(-num_tokens // self.block_size) - len(table.blocks)
        if needed <= 0:
            return True
        if needed > self.pool.num_free:
            return False
        last = table.blocks[-1] if table.blocks else None
        table.append(self.pool.allocate(needed, after=last, label=table.label))
        self.pool.owners.touch(table.label)
        return True

    def register(self, table: BlockTable, token_ids: list[int], num_computed: int) -> None:
        """Make the full blocks among the first `num_computed` tokens findable."""
        if not self._prefix_caching:
            return
        full = num_computed // self.block_size
        if full <= table.num_registered:
            return
        extend_hashes(table.hashes, token_ids, self.block_size, table.salt)
        for index in range(table.num_registered, full):
            start = index * self.block_size
            tokens = token_ids[start : start + self.block_size]
            table.num_hashed += self.pool.register(table.blocks[index], table.hashes[index], tokens)
        table.num_registered = full

    def release(self, table: BlockTable) -> None:
        """Give all blocks back, tail first; the hashes stay, for resumption."""
        self.pool.release(reversed(table.blocks))
        self.pool.owners.touch(table.label)
        table.blocks.clear()
        table.block_ids.clear()
        table.num_registered = table.num_hashed = 0

    def unhashed_tokens(self, table: BlockTable, num_computed: int) -> int:
        """How many of a sequence's first `num_computed` tokens are in blocks without a hash."""
        return num_computed - table.num_hashed * self.block_size

    def usage(self, running: Mapping[str, int]) -> KVUsage:
        """Who has how much of the cache. Costs the same whatever the size of the pool.

        Args:
            running: labels of the running sequences, and the `unhashed_tokens` of these.
        """
        pool = self.pool
        sessions = pool.owners.latest(MAX_SESSIONS, self.block_size, running)
        free = pool.num_free - pool.num_warm
        return KVUsage(
            block_size=self.block_size,
            total=self.num_blocks,
            free=free,
            cached=pool.num_warm,
            used=self.num_blocks - pool.num_free,
            shared=pool.owners.num_shared,
            sessions=sessions,
            other=self.num_blocks - free - sum(session.blocks for session in sessions),
        )

    def check_integrity(self, tables: list[BlockTable]) -> None:
        """Check that `tables` account for every reference in the pool; for tests.

        Raises:
            AssertionError: a reference is lost or double.
        """
        self.pool.check_integrity()
        held = [0] * self.num_blocks
        for table in tables:
            require(table.block_ids == [b.block_id for b in table.blocks], "block ids differ")
            for block_id in table.block_ids:
                held[block_id] += 1
            owned = all(map(self.pool.owners.owner_of, table.block_ids))
            require(owned or not table.label, "what a labelled sequence holds is nobody's")
        require(held == [block.ref_count for block in self.pool.blocks], "references differ")
