"""Scheduler and engine core under random work: outputs exact, nothing lost, nobody starves."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.property.engine_harness import VOCAB, Setup, WatchedEngine

SHARED = [random.Random(seed).choices(range(VOCAB), k=90) for seed in (1, 2)]
SHARED_LENGTHS = (0, 3, 16, 33, 50, 80)
SALTS = ("", "", "", "tenant")

setups = st.builds(
    Setup,
    num_blocks=st.integers(3, 60),
    block_size=st.sampled_from([1, 2, 4, 16]),
    token_budget=st.sampled_from([1, 2, 5, 16, 40, 200]),
    max_num_seqs=st.integers(1, 7),
    long_prefill_share=st.sampled_from([0.01, 0.3, 0.75, 1.0]),
    prefix_caching=st.sampled_from([True, True, True, False]),
    score_budget=st.sampled_from([1, 3, 20, 500]),
    drafts=st.sampled_from([0, 0, 1, 3, 8]),
    riders=st.sampled_from([None, None, 0, 1, 3]),
    enough_rows=st.sampled_from([1, 4, 30]),
)
prompts = st.builds(
    lambda shared, length, tail: [*SHARED[shared][:length], *tail],
    shared=st.integers(0, 1),
    length=st.sampled_from(SHARED_LENGTHS),
    tail=st.lists(st.integers(0, VOCAB - 1), min_size=1, max_size=20),
)


class EngineMachine(RuleBasedStateMachine):
    """Requests come, steps run or fail, requests are aborted, in any order."""

    engine: WatchedEngine

    @initialize(setup=setups)
    def start(self, setup):
        self.engine = WatchedEngine(setup)

    @rule(
        prompt=prompts,
        salt=st.sampled_from(SALTS),
        max_tokens=st.one_of(st.none(), st.integers(0, 25)),
        ignore_eos=st.booleans(),
        stops=st.sampled_from([(), (), (5,)]),
        prompt_logprobs=st.sampled_from([None, None, 0, 2]),
        copies=st.sampled_from([1, 1, 3]),
    )
    def add(self, prompt, salt, max_tokens, ignore_eos, stops, prompt_logprobs, copies):
        limit = self.engine.setup.max_model_len
        prompt = prompt[: limit - 1]
        if max_tokens is not None:
            max_tokens = min(max_tokens, limit - len(prompt))
        for _ in range(copies):
            self.engine.add(
                prompt,
                salt=salt,
                max_tokens=max_tokens,
                ignore_eos=ignore_eos,
                stop_token_ids=stops,
                prompt_logprobs=prompt_logprobs,
            )

    @rule(data=st.data(), max_tokens=st.integers(0, 10))
    def next_turn(self, data, max_tokens):
        """A conversation goes on: all tokens of an earlier request and some more."""
        earlier = [asked for asked in self.engine.asked.values() if asked.reason is not None]
        if not earlier:
            return
        asked = data.draw(st.sampled_from(earlier))
        prompt = [*asked.tokens, *data.draw(st.lists(st.integers(0, 3), min_size=1, max_size=9))]
        if len(prompt) + max_tokens <= self.engine.setup.max_model_len:
            self.engine.add(prompt, salt=asked.request.cache_salt, max_tokens=max_tokens)

    @rule(count=st.integers(1, 12))
    def steps(self, count):
        for _ in range(count):
            self.engine.step()

    @precondition(lambda self: self.engine.live)
    @rule()
    def a_step_fails(self):
        self.engine.fail_step()

    @precondition(lambda self: self.engine.asked)
    @rule(data=st.data())
    def abort_one(self, data):
        self.engine.abort(data.draw(st.sampled_from(sorted(self.engine.asked))))

    @precondition(lambda self: len(self.engine.live) > 1)
    @rule(data=st.data())
    def storm_of_aborts(self, data):
        names = sorted(self.engine.live)
        for name in data.draw(st.permutations(names))[: len(names) * 3 // 4]:
            self.engine.abort(name)

    @precondition(lambda self: len(self.engine.live) > 1)
    @rule()
    def everybody_leaves(self):
        self.engine.abort_all()

    @rule()
    def everybody_finishes(self):
        self.engine.finish_all()

    @invariant()
    def queues_and_blocks_agree(self):
        self.engine.check_integrity()

    def teardown(self):
        if hasattr(self, "engine"):
            self.engine.finish_all()


TestEngine = EngineMachine.TestCase


@given(
    setup=st.builds(
        Setup,
        num_blocks=st.just(400),
        block_size=st.sampled_from([1, 2, 4, 16]),
        token_budget=st.sampled_from([1, 7, 64]),
        max_num_seqs=st.integers(1, 4),
    ),
    prompt=prompts,
    max_tokens=st.integers(1, 20),
)
def test_without_eviction_a_prefix_hit_is_as_long_as_can_be(setup, prompt, max_tokens):
    engine = WatchedEngine(setup)

    def cached(token_ids, wanted):
        asked = engine.add(token_ids, max_tokens=wanted, ignore_eos=True)
        engine.finish_all()
        return asked.cached_tokens, asked.tokens

    def whole_blocks(num_tokens):
        return num_tokens // setup.block_size * setup.block_size

    first, tokens = cached(prompt, max_tokens)
    assert first == 0
    again, _ = cached(prompt, max_tokens)
    assert again == whole_blocks(len(prompt) - 1)
    # The last token of an answer was sampled, never computed: it is not in the cache.
    next_turn, _ = cached([*tokens, 1, 2, 3], 0)
    assert next_turn == whole_blocks(len(tokens) - 1)
    after_hint, _ = cached([*tokens, 1, 2, 3, 4], 1)
    assert after_hint == whole_blocks(len(tokens) + 3)


@pytest.mark.parametrize("seed", range(4))
def test_a_long_day_of_traffic_ends_with_every_block_free(seed):
    """Hundreds of requests against a cache that is always too small; aborts and failures."""
    dice, scoring = random.Random(seed), random.Random(seed)
    engine = WatchedEngine(
        Setup(
            num_blocks=(120, 60, 30, 14)[seed],
            block_size=(1, 2, 4, 16)[seed],
            token_budget=(8, 24, 64, 64)[seed],
            max_num_seqs=6,
            score_budget=(2, 5, 9, 100)[seed],
            drafts=(8, 4, 2, 0)[seed],
        )
    )
    for _ in range(800):
        if dice.random() < 0.4 and len(engine.live) < 20:
            shared = dice.choice(SHARED)[: dice.choice(SHARED_LENGTHS)]
            prompt = [*shared, *dice.choices(range(VOCAB), k=dice.randint(1, 15))]
            room = engine.setup.max_model_len - len(prompt)
            engine.add(
                prompt,
                salt=dice.choice(SALTS),
                max_tokens=dice.randint(0, room),
                prompt_logprobs=scoring.choice([None, None, None, 1]),
            )
        if engine.live and dice.random() < 0.03:
            engine.abort(dice.choice(sorted(engine.live)))
        if engine.live and dice.random() < 0.005:
            engine.fail_step()
        engine.step()
    assert engine.core.stats().preemptions > 0, "the cache was meant to be too small"
    assert engine.core.stats().cached_prompt_tokens > 0, "prefixes were meant to be shared"
    engine.finish_all()
