"""The KV cache manager with a simulated memory: a prefix hit never gives other content."""

import zlib
from dataclasses import dataclass
from unittest.mock import patch

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from serving.kv_cache import block_hash
from serving.kv_cache.manager import BlockTable, KVCacheManager

SALTS = ("", "tenant")
# Few texts, all beginnings of two: prompts repeat each other in part, or are the same.
TEXTS = ([1, 2, 3, 1] * 10, [1, 2, 3, 1] * 3 + [2] * 28)
PROMPTS = st.builds(
    lambda text, length: text[:length],
    text=st.sampled_from(TEXTS),
    length=st.sampled_from([1, 2, 4, 5, 8, 12, 13, 16, 17, 32, 33, 40]),
)
TAILS = st.lists(st.integers(1, 2), min_size=1, max_size=20)


@dataclass(eq=False)
class Live:
    """A sequence as the scheduler would keep it."""

    table: BlockTable
    tokens: list[int]
    num_computed: int


class KVCacheMachine(RuleBasedStateMachine):
    """Sequences come, grow, are computed chunk by chunk, leave and come back.

    `memory` holds what the keys and values of a block depend on: salt and all tokens up to the
    block's end. What a prefix hit finds there must be what its own computation would write.
    """

    exact = True  # whether a block can stand but once in a prefix

    @initialize(
        num_blocks=st.integers(1, 40),
        block_size=st.sampled_from([1, 2, 4, 16]),
        caching=st.sampled_from([True, True, True, False]),
    )
    def fresh(self, num_blocks, block_size, caching):
        self.cache = KVCacheManager(num_blocks, block_size, prefix_caching=caching)
        self.caching = caching
        self.memory = {}
        self.live = []
        self.left = []

    @rule(salt=st.sampled_from(SALTS), prompt=PROMPTS, spare=st.integers(0, 2))
    def start(self, salt, prompt, spare):
        self._admit(BlockTable(salt), prompt, spare)

    @precondition(lambda self: self.left)
    @rule(data=st.data())
    def come_back(self, data):
        sequence = self.left.pop(data.draw(st.integers(0, len(self.left) - 1)))
        self._admit(sequence.table, sequence.tokens, 0)

    def _admit(self, table, tokens, spare):
        size = self.cache.block_size
        prefix = self.cache.find_prefix(table, tokens)
        assert len(prefix) <= (len(tokens) - 1) // size, "no token is left to compute"
        for index, block in enumerate(prefix):
            assert block.token_ids == tuple(tokens[index * size : (index + 1) * size])
        self._check_content(table.salt, tokens, [block.block_id for block in prefix])
        free, wanted = self.cache.pool.num_free, self.cache.blocks_for(len(tokens))
        held = {block.block_id for block in prefix if block.ref_count}
        fits = self.cache.can_admit(prefix, len(tokens), spare)
        if self.exact:
            assert fits == (wanted - len(held) + spare <= free)
        if not fits:
            return
        self.cache.adopt_prefix(table, prefix)
        assert self.cache.grow(table, len(tokens)), "what was admitted fits"
        if self.exact:
            assert self.cache.pool.num_free == free - (wanted - len(held))
        self.live.append(Live(table, tokens, len(prefix) * size))

    @precondition(lambda self: self.live)
    @rule(data=st.data(), count=st.integers(1, 20))
    def compute(self, data, count):
        self._compute(data.draw(st.sampled_from(self.live)), count)

    @precondition(lambda self: self.live)
    @rule()
    def compute_all(self):
        for sequence in self.live:
            self._compute(sequence, len(sequence.tokens))

    def _compute(self, sequence, count):
        start = sequence.num_computed
        end = sequence.num_computed = min(start + count, len(sequence.tokens))
        size = self.cache.block_size
        for index in range(start // size, -(-end // size)):
            done = min(end, (index + 1) * size)
            block_id = sequence.table.block_ids[index]
            self.memory[block_id] = self._content(sequence.table.salt, sequence.tokens[:done])
        self.cache.register(sequence.table, sequence.tokens, end)

    @precondition(lambda self: self.live)
    @rule(data=st.data(), tail=TAILS)
    def append_tokens(self, data, tail):
        sequence = data.draw(st.sampled_from(self.live))
        tokens = [*sequence.tokens, *tail]
        before, free = list(sequence.table.block_ids), self.cache.pool.num_free
        wanted = self.cache.blocks_for(len(tokens)) - len(before)
        if self.cache.grow(sequence.table, len(tokens)):
            assert len(sequence.table.blocks) == max(len(before), len(before) + wanted)
            assert sequence.table.block_ids[: len(before)] == before, "a table only grows"
            sequence.tokens.extend(tail)
        else:
            assert wanted > free
            assert sequence.table.block_ids == before, "nothing is done without room"
            assert self.cache.pool.num_free == free

    @precondition(lambda self: self.live)
    @rule(data=st.data())
    def leave(self, data):
        sequence = self.live.pop(data.draw(st.integers(0, len(self.live) - 1)))
        self.cache.release(sequence.table)
        assert sequence.table.block_ids == [] and sequence.table.num_registered == 0
        self.left.append(sequence)

    @rule()
    def a_step_fails(self):
        """All that runs leaves, and what any block holds is no longer trusted."""
        while self.live:
            sequence = self.live.pop()
            self.cache.release(sequence.table)
            self.left.append(sequence)
        self.cache.pool.forget_all()
        self.memory.clear()

    @invariant()
    def every_reference_is_accounted_for(self):
        self.cache.check_integrity([sequence.table for sequence in self.live])
        if not self.caching:
            assert self.cache.pool.num_hashed == 0

    @invariant()
    def live_sequences_keep_their_content(self):
        for sequence in self.live:
            full = sequence.num_computed // self.cache.block_size
            self._check_content(
                sequence.table.salt, sequence.tokens, sequence.table.block_ids[:full]
            )

    def _check_content(self, salt, tokens, block_ids):
        size = self.cache.block_size
        for index, block_id in enumerate(block_ids):
            wanted = self._content(salt, tokens[: (index + 1) * size])
            assert self.memory.get(block_id) == wanted, f"block {block_id} holds something else"

    def _content(self, salt, tokens):
        return (salt, len(tokens), zlib.crc32(bytes(tokens)))

    def teardown(self):
        if not hasattr(self, "cache"):
            return
        for sequence in self.live:
            self.cache.release(sequence.table)
        self.cache.check_integrity([])
        assert self.cache.pool.num_free == self.cache.num_blocks


class CollidingKVCacheMachine(KVCacheMachine):
    """The same with a hash of one byte, which collides all the time.

    What is compared on a hit are the tokens of the block itself, so that is what may be asked of
    it here: a block's content may be that of another prefix only if a 128-bit hash collides.
    """

    exact = False

    def __init__(self):
        super().__init__()
        whole = block_hash.hash_block
        self._patch = patch.object(
            block_hash, "hash_block", lambda parent, tokens: whole(parent, tokens)[:1]
        )
        self._patch.start()

    def _content(self, salt, tokens):
        start = (len(tokens) - 1) // self.cache.block_size * self.cache.block_size
        return tuple(tokens[start:])

    def teardown(self):
        self._patch.stop()
        super().teardown()


TestKVCache = KVCacheMachine.TestCase
TestKVCacheWithCollidingHashes = CollidingKVCacheMachine.TestCase
