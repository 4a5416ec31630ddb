"""Whose each block is: books beside the pool, for whoever wants to look into the cache.

    block   |  0  |  1  |  2  |  3  |  4  |        a wrote 0 to 2, b hit 0 and wrote 3;
    owner   |  b  |  a  |  a  |  b  |  -  |        so block 0 is shared, and b had it last
    shared  |  x  |     |     |     |     |

A block belongs to the label that wrote or hit it last, so that the blocks of all labels, those of
nobody and the blank ones make up the pool. Every event costs O(1) a block, and nothing is decided
by these books: a wrong entry would be a wrong picture, never a wrong answer.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice

from serving.request import KVSession


class Owner:
    """What one label has, in blocks: all, those with a hash, those that another label had too."""

    __slots__ = ("label", "num_blocks", "num_hashed", "num_shared", "used_at")

    def __init__(self, label: str, used_at: float) -> None:
        self.label = label
        self.num_blocks = self.num_hashed = self.num_shared = 0
        self.used_at = used_at

    @property
    def counts(self) -> tuple[int, int, int]:
        """Blocks in all, hashed ones, shared ones."""
        return self.num_blocks, self.num_hashed, self.num_shared


class Owners:
    """The books of one pool, by block id.

    Invariants: blank blocks are nobody's; a label is known as long as it has a block, so there are
    never more labels than blocks; labels are in the order of their last use. See `mistake`.
    """

    def __init__(self, num_blocks: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.num_shared = 0
        self._clock = clock
        self._owners: list[Owner | None] = [None] * num_blocks
        self._hashed = bytearray(num_blocks)
        self._shared = bytearray(num_blocks)
        self._by_label: OrderedDict[str, Owner] = OrderedDict()

    def owner_of(self, block_id: int) -> str:
        """Whose the block is; "" for nobody's."""
        owner = self._owners[block_id]
        return "" if owner is None else owner.label

    def take(self, block_id: int, label: str) -> None:
        """`label` wrote the block or hit it. A label that is empty takes nothing from anybody."""
        before = self._owners[block_id]
        if not label or (before is not None and before.label == label):
            return
        if before is not None:
            self._count(block_id, before, -1)
            self.num_shared += not self._shared[block_id]
            self._shared[block_id] = True
        owner = self._by_label.get(label)
        if owner is None:
            owner = self._by_label[label] = Owner(label, self._clock())
        self._owners[block_id] = owner
        self._count(block_id, owner, 1)

    def hash(self, block_id: int) -> None:
        """The block is full and got a hash."""
        self._hashed[block_id] = True
        owner = self._owners[block_id]
        if owner is not None:
            owner.num_hashed += 1

    def unhash(self, block_id: int) -> None:
        """The block lost its hash."""
        self._hashed[block_id] = False
        owner = self._owners[block_id]
        if owner is not None:
            owner.num_hashed -= 1

    def drop(self, block_id: int) -> None:
        """The block is blank from now on."""
        owner = self._owners[block_id]
        if owner is not None:
            self._count(block_id, owner, -1)
            self._owners[block_id] = None
        self.num_shared -= self._shared[block_id]
        self._shared[block_id] = False

    def touch(self, label: str) -> None:
        """`label` is the one used last, if it has a block."""
        owner = self._by_label.get(label)
        if owner is not None:
            owner.used_at = self._clock()
            self._by_label.move_to_end(label)

    def latest(self, most: int, block_size: int, running: Mapping[str, int]) -> list[KVSession]:
        """The labels used last, the latest first.

        Args:
            most: how many.
            block_size: tokens in a block.
            running: labels that run now, and their tokens in blocks without a hash.
        """
        now = self._clock()
        return [
            KVSession(
                label=owner.label,
                blocks=owner.num_blocks,
                shared=owner.num_shared,
                tokens=owner.num_hashed * block_size + running.get(owner.label, 0),
                running=owner.label in running,
                age_s=0.0 if owner.label in running else round(now - owner.used_at, 1),
            )
            for owner in islice(reversed(self._by_label.values()), most)
        ]

    def mistake(self, hashed: Sequence[bool], blank: Sequence[bool]) -> str | None:
        """What is wrong in the books, None if nothing is; for tests.

        Args:
            hashed: of each block of the pool, whether it has a hash.
            blank: of each block of the pool, whether it holds nothing.
        """
        if list(map(bool, self._hashed)) != list(hashed):
            return "owners count other hashes than the pool"
        if any(blank[at] and (self._owners[at] or self._shared[at]) for at in range(len(blank))):
            return "a blank block is somebody's"
        if sum(self._shared) != self.num_shared:
            return "shared blocks are counted wrongly"
        if {owner.label: owner.counts for owner in self._by_label.values()} != self._recount():
            return "somebody's blocks are counted wrongly"
        used = [owner.used_at for owner in self._by_label.values()]
        return None if used == sorted(used) else "labels are not in the order of their last use"

    def _count(self, block_id: int, owner: Owner, by: int) -> None:
        owner.num_blocks += by
        owner.num_hashed += by * self._hashed[block_id]
        owner.num_shared += by * self._shared[block_id]
        if not owner.num_blocks:
            del self._by_label[owner.label]

    def _recount(self) -> dict[str, tuple[int, int, int]]:
        counted: dict[str, tuple[int, int, int]] = {}
        for label, hashed, shared in self._rows():
            blocks, so_hashed, so_shared = counted.get(label, (0, 0, 0))
            counted[label] = (blocks + 1, so_hashed + hashed, so_shared + shared)
        return counted

    def _rows(self) -> Iterator[tuple[str, int, int]]:
        for owner, hashed, shared in zip(self._owners, self._hashed, self._shared, strict=True):
            if owner is not None:
                yield owner.label, hashed, shared
