"""The block pool against a plain model: lists and dictionaries that obey its documented order."""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from serving.kv_cache.block_pool import BlockPool

STRIDE = 4


class BlockPoolMachine(RuleBasedStateMachine):
    """Allocate, share, release, register, forget in any order; the model predicts every block.

    `free` is the order in which blocks go: blank ones in front, then warm ones, the least
    recently released first.
    """

    @initialize(num_blocks=st.integers(1, 13))
    def fresh(self, num_blocks):
        self.pool = BlockPool(num_blocks, stride=STRIDE)
        self.free = sorted(range(num_blocks), key=lambda block_id: (block_id % STRIDE, block_id))
        self.refs = [0] * num_blocks
        self.key_of = {}  # block id -> (hash, tokens)
        self.held = []  # one entry a reference, in the order they were taken
        self.names = 0

    @rule(data=st.data(), follow=st.booleans())
    def allocate(self, data, follow):
        count = data.draw(st.integers(0, len(self.free)))
        after = data.draw(st.sampled_from(self.held)) if follow and self.held else None
        left = None if after is None else self.pool.blocks[after]
        blocks = self.pool.allocate(count, after=left)
        expected = self._take(count, after)
        assert [block.block_id for block in blocks] == expected
        assert all(block.ref_count == 1 and block.block_hash is None for block in blocks)
        self.held.extend(expected)

    def _take(self, count, after):
        """A blank right-hand neighbour if there is one, else whoever stands first in line."""
        taken = []
        for _ in range(count):
            neighbour = None if after is None else after + 1
            if neighbour not in self.free or neighbour in self.key_of:
                neighbour = self.free[0]
            self.free.remove(neighbour)
            self.key_of.pop(neighbour, None)
            self.refs[neighbour] = 1
            taken.append(neighbour)
            after = neighbour
        return taken

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def register(self, data):
        block_id = data.draw(st.sampled_from(self.held))
        known = [key for key, _ in self.key_of.values()]
        block_hash = data.draw(st.sampled_from([*known, b"new"]))
        if block_hash == b"new":
            self.names += 1
            block_hash = b"%d" % self.names
        tokens = (self.names, block_id)
        self.pool.register(self.pool.blocks[block_id], block_hash, list(tokens))
        if block_id not in self.key_of and block_hash not in known:
            self.key_of[block_id] = (block_hash, tokens)

    @precondition(lambda self: self.key_of)
    @rule(data=st.data())
    def find_and_hold(self, data):
        block_id = data.draw(st.sampled_from(sorted(self.key_of)))
        block_hash, tokens = self.key_of[block_id]
        block = self.pool.lookup(block_hash, list(tokens))
        assert block is not None and block.block_id == block_id
        self.pool.hold(block)
        if block_id in self.free:
            self.free.remove(block_id)
        self.refs[block_id] += 1
        self.held.append(block_id)

    @precondition(lambda self: self.key_of)
    @rule(data=st.data())
    def other_tokens_under_a_known_hash_are_a_miss(self, data):
        block_hash, tokens = self.key_of[data.draw(st.sampled_from(sorted(self.key_of)))]
        assert self.pool.lookup(block_hash, [*tokens, 0]) is None
        assert self.pool.lookup(block_hash, tokens[:-1]) is None

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def release_some(self, data):
        order = data.draw(st.permutations(range(len(self.held))))
        chosen = order[: data.draw(st.integers(1, len(order)))]
        block_ids = [self.held[index] for index in chosen]
        self.pool.release(self.pool.blocks[block_id] for block_id in block_ids)
        self.held = [b for index, b in enumerate(self.held) if index not in set(chosen)]
        self._given_back(block_ids)

    @rule()
    def forget_everything(self):
        known = list(self.key_of.values())
        self.pool.forget_all()
        assert all(self.pool.lookup(*key) is None for key in known)
        self.key_of.clear()

    @invariant()
    def agrees_with_the_model(self):
        self.pool.check_integrity()
        assert self.pool.num_free == len(self.free)
        assert self.pool.num_hashed == len(self.key_of)
        assert [block.ref_count for block in self.pool.blocks] == self.refs

    def teardown(self):
        """Whatever happened, everything can be had back, in the order that the model says."""
        if not hasattr(self, "pool"):
            return
        self.pool.release(self.pool.blocks[block_id] for block_id in self.held)
        self._given_back(self.held)
        everything = self.pool.allocate(len(self.refs))
        assert [block.block_id for block in everything] == self._take(len(self.refs), None)
        assert self.pool.num_free == self.pool.num_hashed == 0

    def _given_back(self, block_ids):
        for block_id in block_ids:
            self.refs[block_id] -= 1
            if not self.refs[block_id]:
                self.free.insert(len(self.free) if block_id in self.key_of else 0, block_id)


TestBlockPool = BlockPoolMachine.TestCase
