"""Whose each block is, against a plain model: for each block the labels that it has had."""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from serving.kv_cache.manager import BlockTable, KVCacheManager

LABELS = ("", "a", "b", "c")
TEXTS = ([1, 2, 3, 1] * 10, [1, 2, 3, 1] * 3 + [2] * 28)
PROMPTS = st.builds(
    lambda text, length: text[:length],
    text=st.sampled_from(TEXTS),
    length=st.sampled_from([1, 4, 5, 8, 13, 17, 33, 40]),
)


class OwnersMachine(RuleBasedStateMachine):
    """Sequences of a few sessions come, are computed and leave, in a cache that is often full.

    `had` holds what each block went through since it was last written anew: one label a use.
    """

    @initialize(num_blocks=st.integers(1, 40), block_size=st.sampled_from([1, 2, 4]))
    def fresh(self, num_blocks, block_size):
        self.cache = KVCacheManager(num_blocks, block_size)
        self.had = {}
        self.live = []  # table, tokens

    @rule(label=st.sampled_from(LABELS), prompt=PROMPTS)
    def start(self, label, prompt):
        table = BlockTable(label=label)
        prefix = self.cache.find_prefix(table, prompt)
        if not self.cache.can_admit(prefix, len(prompt), 0):
            return
        self.cache.adopt_prefix(table, prefix)
        for block_id in table.block_ids:
            self.had[block_id].append(label)
        assert self.cache.grow(table, len(prompt))
        for block_id in table.block_ids[len(prefix) :]:
            self.had[block_id] = [label]
        self.live.append((table, prompt))

    @precondition(lambda self: self.live)
    @rule(data=st.data(), share=st.floats(0, 1))
    def compute(self, data, share):
        table, tokens = data.draw(st.sampled_from(self.live))
        self.cache.register(table, tokens, round(share * len(tokens)))

    @precondition(lambda self: self.live)
    @rule(data=st.data())
    def leave(self, data):
        table, _ = self.live.pop(data.draw(st.integers(0, len(self.live) - 1)))
        self.cache.release(table)

    @rule()
    def everybody_leaves_and_all_is_forgotten(self):
        while self.live:
            self.cache.release(self.live.pop()[0])
        self.cache.pool.forget_all()

    @invariant()
    def the_books_say_what_happened(self):
        self.cache.check_integrity([table for table, _ in self.live])
        usage = self.cache.usage({})
        labels = {
            block_id: [label for label in self.had[block_id] if label]
            for block_id in self._not_blank()
        }
        blocks = {}
        shared = {}
        for each in labels.values():
            if each:
                blocks[each[-1]] = blocks.get(each[-1], 0) + 1
                shared[each[-1]] = shared.get(each[-1], 0) + (len(set(each)) > 1)
        assert {session.label: session.blocks for session in usage.sessions} == blocks
        assert {session.label: session.shared for session in usage.sessions} == shared
        assert usage.shared == sum(shared.values())
        assert usage.other == sum(not each for each in labels.values())
        assert usage.total - usage.free == len(labels)

    def _not_blank(self):
        blocks = self.cache.pool.blocks
        return [b.block_id for b in blocks if b.ref_count or b.block_hash is not None]


TestOwners = OwnersMachine.TestCase
