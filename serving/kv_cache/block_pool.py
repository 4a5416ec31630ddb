"""The pool of KV blocks: who holds each block, which are free, which are still warm.

A block is in exactly one of three states:

    held    ref_count > 0             not in the free list
    warm    ref_count = 0, hashed     in the free list, found again by its hash
    blank   ref_count = 0, no hash    in the free list

The free list is ordered by who goes first: blank blocks are put at its front, warm ones at its
back, so it is an LRU of warm blocks behind the blank ones. It is doubly linked through the blocks
themselves: taking a block out of the middle (a prefix hit, or a block's right-hand neighbour) is
O(1). Invariants are stated and checked in `check_integrity`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from serving.kv_cache.block_hash import BlockHash
from serving.kv_cache.owners import Owners


class KVBlock:
    """One block of the pool. `token_ids` is kept with the hash, to compare on a hit."""

    __slots__ = ("block_hash", "block_id", "next", "prev", "ref_count", "token_ids")

    def __init__(self, block_id: int) -> None:
        self.block_id = block_id
        self.ref_count = 0
        self.block_hash: BlockHash | None = None
        self.token_ids: tuple[int, ...] = ()
        self.prev: KVBlock = self
        self.next: KVBlock = self


class FreeList:
    """A doubly linked ring of free blocks with one sentinel; a block outside links to itself."""

    def __init__(self) -> None:
        self._ring = KVBlock(-1)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[KVBlock]:
        block = self._ring.next
        while block is not self._ring:
            yield block
            block = block.next

    def push_front(self, block: KVBlock) -> None:
        """Put `block` where the next `pop` takes it."""
        self._insert(self._ring, block, self._ring.next)

    def push_back(self, block: KVBlock) -> None:
        """Put `block` where it is taken last."""
        self._insert(self._ring.prev, block, self._ring)

    def first(self) -> KVBlock:
        """The block that goes next; the list must not be empty."""
        return self._ring.next

    def remove(self, block: KVBlock) -> None:
        """Take `block` out, wherever it stands."""
        block.prev.next = block.next
        block.next.prev = block.prev
        block.prev = block.next = block
        self._count -= 1

    def _insert(self, left: KVBlock, block: KVBlock, right: KVBlock) -> None:
        left.next = right.prev = block
        block.prev, block.next = left, right
        self._count += 1


class BlockPool:
    """Hands out blocks by reference count and finds warm ones by hash.

    Args:
        num_blocks: size of the pool, in blocks.
        stride: distance between the first blocks of new sequences while the pool is fresh.
            `allocate` prefers a block's right-hand neighbour, so with room between the starts a
            growing sequence stays one contiguous run, which kernels can read without a gather.
    """

    def __init__(self, num_blocks: int, *, stride: int = 64) -> None:
        self.blocks = [KVBlock(block_id) for block_id in range(num_blocks)]
        self.owners = Owners(num_blocks)
        self.num_warm = 0
        self._free = FreeList()
        self._by_hash: dict[BlockHash, KVBlock] = {}
        for start in range(min(stride, num_blocks)):
            for block_id in range(start, num_blocks, stride):
                self._free.push_back(self.blocks[block_id])

    @property
    def num_free(self) -> int:
        """Blocks nobody holds, warm ones included."""
        return len(self._free)

    @property
    def num_hashed(self) -> int:
        """Blocks that can be found by hash, held or free."""
        return len(self._by_hash)

    def lookup(self, block_hash: BlockHash, token_ids: Sequence[int]) -> KVBlock | None:
        """The block that holds `token_ids` under `block_hash`.

        The block's own tokens are compared too, so that a collision of hashes alone is a miss.
        What stands before the block is vouched for by the chained 128-bit hash.
        """
        block = self._by_hash.get(block_hash)
        if block is None or block.token_ids != tuple(token_ids):
            return None
        return block

    def hold(self, block: KVBlock, label: str = "") -> None:
        """Add one reference to a block, taking it off the free list if it was free."""
        if block.ref_count == 0:
            self._free.remove(block)
            self.num_warm -= block.block_hash is not None
        block.ref_count += 1
        self.owners.take(block.block_id, label)

    def allocate(
        self, count: int, *, after: KVBlock | None = None, label: str = ""
    ) -> list[KVBlock]:
        """Take `count` free blocks, blank ones first; their old hashes are forgotten.

        Args:
            count: must not be above `num_free`; the caller checks.
            after: the block before them in the sequence; its right-hand neighbour is preferred.
            label: whose they are, for `owners`.
        """
        taken: list[KVBlock] = []
        for _ in range(count):
            block = self._blank_neighbour(after) or self._free.first()
            self._free.remove(block)
            self._forget(block)
            block.ref_count = 1
            self.owners.take(block.block_id, label)
            taken.append(block)
            after = block
        return taken

    def release(self, blocks: Iterable[KVBlock]) -> None:
        """Drop one reference of each; given tail first, a sequence's prefix stays the longest."""
        for block in blocks:
            block.ref_count -= 1
            if block.ref_count > 0:
                continue
            if block.block_hash is None:
                self._free.push_front(block)
                self.owners.drop(block.block_id)
            else:
                self._free.push_back(block)
                self.num_warm += 1

    def register(self, block: KVBlock, block_hash: BlockHash, token_ids: Sequence[int]) -> bool:
        """Make a full, held block findable; False, for the first block under a hash keeps it."""
        if block.block_hash is not None or block_hash in self._by_hash:
            return False
        block.block_hash = block_hash
        block.token_ids = tuple(token_ids)
        self._by_hash[block_hash] = block
        self.owners.hash(block.block_id)
        return True

    def forget_all(self) -> None:
        """Drop every hash: what the blocks hold is no longer trusted."""
        for block in list(self._by_hash.values()):
            self._forget(block)

    def _blank_neighbour(self, block: KVBlock | None) -> KVBlock | None:
        """The next block by id if it is free and blank; a warm one is worth more than a run."""
        if block is None or block.block_id + 1 >= len(self.blocks):
            return None
        neighbour = self.blocks[block.block_id + 1]
        return neighbour if neighbour.ref_count == 0 and neighbour.block_hash is None else None

    def _forget(self, block: KVBlock) -> None:
        if block.block_hash is None:
            return
        del self._by_hash[block.block_hash]
        block.block_hash = None
        block.token_ids = ()
        self.owners.unhash(block.block_id)
        if block.ref_count == 0:
            self.num_warm -= 1
            self.owners.drop(block.block_id)

    def check_integrity(self) -> None:
        """Check the invariants; for tests.

        Raises:
            AssertionError: a block is lost, in two states at once, or counted wrongly.
        """
        listed = [block.block_id for block in self._free]
        require(len(listed) == len(set(listed)) == len(self._free), "free list is broken")
        free = {block.block_id for block in self.blocks if block.ref_count == 0}
        require(free == set(listed), "free list and reference counts differ")
        require(all(block.ref_count >= 0 for block in self.blocks), "negative reference count")
        hashed = {block.block_hash: block for block in self.blocks if block.block_hash is not None}
        require(hashed == self._by_hash, "hash index and blocks differ")
        warm = [block.ref_count == 0 for block in hashed.values()]
        require(sum(warm) == self.num_warm, "warm blocks are counted wrongly")
        has_hash = [block.block_hash is not None for block in self.blocks]
        blank = [it.ref_count == 0 and it.block_hash is None for it in self.blocks]
        mistake = self.owners.mistake(has_hash, blank)
        require(mistake is None, str(mistake))


def require(holds: bool, message: str) -> None:
    """Raise AssertionError(message) unless an invariant holds; works under `python -O` too."""
    if not holds:
        raise AssertionError(message)
