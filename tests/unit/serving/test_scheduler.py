"""The scheduler's promises: one budget a step, chunks, fairness, preemption, leaving."""

import random

import pytest

from serving.request import FinishReason, SampledToken
from serving.scheduler.output import RunnerOutput
from tests.unit.serving.small_engine import VOCAB, SmallEngine, prompt_of


class TestOneRule:
    def test_a_prompt_within_the_budget_takes_one_step_and_then_one_token_each(self):
        engine = SmallEngine(budget=64)
        engine.add("a", prompt_of(10), max_tokens=4)
        assert engine.run() == [{"a": 10}, {"a": 1}, {"a": 1}, {"a": 1}]

    def test_a_prompt_above_the_budget_is_cut_into_chunks(self):
        engine = SmallEngine(budget=8)
        engine.add("a", prompt_of(20), max_tokens=2)
        assert engine.run() == [{"a": 8}, {"a": 8}, {"a": 4}, {"a": 1}]
        assert engine.outputs["a"] == engine.runner.expected_output(prompt_of(20), 2)

    def test_decoding_and_prefill_share_a_step(self):
        engine = SmallEngine(budget=8)
        engine.add("old", prompt_of(4, 1), max_tokens=5)
        engine.step()
        engine.add("new", prompt_of(10, 2), max_tokens=1)
        assert engine.step() == {"old": 1, "new": 6}

    def test_a_chunk_samples_only_where_its_sequence_is_caught_up(self):
        engine = SmallEngine(budget=8)
        engine.add("a", prompt_of(16), max_tokens=1)
        engine.run()
        assert [chunk.samples for work in engine.runner.work for chunk in work.chunks] == [
            False,
            True,
        ]

    def test_a_budget_below_the_number_of_sequences_is_lifted_to_it(self):
        """Else not every running sequence could have its one token."""
        engine = SmallEngine(budget=2, max_num_seqs=5)
        assert engine.scheduler.token_budget == 5
        for index in range(5):
            engine.add(f"r{index}", prompt_of(1, index), max_tokens=3)
        assert engine.step() == dict.fromkeys((f"r{index}" for index in range(5)), 1)

    def test_no_more_sequences_than_allowed(self):
        engine = SmallEngine(max_num_seqs=2)
        for name in "abc":
            engine.add(name, prompt_of(3, ord(name)), max_tokens=2)
        assert set(engine.step()) == {"a", "b"}
        assert set(engine.step()) == {"a", "b"}
        assert set(engine.step()) == {"c"}

    def test_finished_names_reach_the_runner_once(self):
        engine = SmallEngine()
        engine.add("a", prompt_of(3), max_tokens=1)
        engine.add("b", prompt_of(3, 1), max_tokens=3)
        engine.run()
        assert [work.finished_ids for work in engine.runner.work] == [[], ["a"], []]


class TestLongPrompts:
    def test_a_long_prompt_alone_takes_the_whole_budget(self):
        engine = SmallEngine(budget=16, share=0.5)
        engine.add("long", prompt_of(40))
        assert engine.run() == [{"long": 16}, {"long": 16}, {"long": 8}]

    def test_among_others_it_takes_its_share_and_the_rest_goes_to_the_next(self):
        engine = SmallEngine(budget=16, share=0.75)
        engine.add("first", prompt_of(4, 1), max_tokens=9)
        engine.step()
        engine.add("long", prompt_of(40, 2))
        engine.add("short", prompt_of(3, 3))
        assert engine.step() == {"first": 1, "long": 12, "short": 3}

    def test_among_others_that_do_not_decode_it_takes_the_whole_budget(self):
        engine = SmallEngine(budget=16, share=0.25)
        engine.add("first", prompt_of(40, 1))
        engine.add("second", prompt_of(40, 2))
        assert [engine.step() for _ in range(3)] == [
            {"first": 16},
            {"first": 16},
            {"first": 8, "second": 8},
        ]

    def test_a_prompt_that_fits_into_one_step_takes_what_it_needs(self):
        engine = SmallEngine(budget=16, share=0.25)
        engine.add("first", prompt_of(4, 1), max_tokens=9)
        engine.step()
        engine.add("short", prompt_of(14, 2))
        assert engine.step() == {"first": 1, "short": 14}

    @pytest.mark.parametrize("share", [0.01, 0.25, 0.75, 1.0])
    def test_everybody_who_runs_gets_a_token_in_every_step(self, share):
        engine = SmallEngine(budget=6, max_num_seqs=5, share=share)
        for index in range(5):
            engine.add(f"r{index}", prompt_of(4 + 9 * (index % 2), index), max_tokens=12)
        while engine.core.has_work:
            running = {sequence.request_id for sequence in engine.scheduler.running}
            assert running <= set(engine.step())

    def test_a_tiny_share_still_moves_on(self):
        engine = SmallEngine(budget=4, share=0.001, max_num_seqs=4)
        engine.add("a", prompt_of(6, 1))
        engine.add("b", prompt_of(6, 2))
        engine.run()
        assert engine.outputs["b"] == engine.runner.expected_output(prompt_of(6, 2), 1)


class TestPreemption:
    @pytest.fixture
    def engine(self):
        """Room for 8 blocks of 4: two sequences of 20 tokens do not fit together."""
        return SmallEngine(num_blocks=8, block_size=4, budget=32)

    def test_the_youngest_makes_room_and_comes_back(self, engine):
        engine.add("old", prompt_of(8, 1), max_tokens=14)
        engine.add("young", prompt_of(8, 2), max_tokens=14)
        engine.run()
        assert engine.deltas["old"].preemptions == 0
        assert engine.deltas["young"].preemptions == 1
        for name, seed in (("old", 1), ("young", 2)):
            assert engine.outputs[name] == engine.runner.expected_output(prompt_of(8, seed), 14)

    def test_coming_back_is_mostly_a_prefix_hit(self):
        """Its prompt's 3 full blocks of 4 stay warm: only what is behind them is computed again."""
        engine = SmallEngine(num_blocks=11, block_size=4, budget=32)
        engine.add("old", prompt_of(14, 1), max_tokens=9)
        engine.add("young", prompt_of(14, 2), max_tokens=20)
        while not engine.scheduler.num_preemptions:
            engine.step()
        left_with = 14 + len(engine.outputs["young"])
        while "young" not in (step := engine.step()):
            pass
        assert 0 < step["young"] < left_with
        engine.run()
        assert engine.deltas["young"].cached_tokens == 0, (
            "nothing of the first admission was cached"
        )
        assert engine.outputs["young"] == engine.runner.expected_output(prompt_of(14, 2), 20)

    def test_nobody_new_is_admitted_before_the_preempted_one(self, engine):
        engine.add("old", prompt_of(8, 1), max_tokens=20)
        engine.add("young", prompt_of(8, 2), max_tokens=20)
        while not engine.scheduler.num_preemptions:
            engine.step()
        engine.add("new", prompt_of(1, 3), max_tokens=1)
        order = []
        while engine.core.has_work:
            order += [name for name in engine.step() if name not in order]
        assert order.index("young") < order.index("new")

    def test_a_lone_sequence_may_fill_the_whole_cache(self, engine):
        engine.add("a", prompt_of(30), max_tokens=2)
        engine.run()
        assert engine.deltas["a"].finish_reason is FinishReason.LENGTH
        assert engine.deltas["a"].preemptions == 0
        assert engine.cache.pool.num_free == 8

    def test_a_newcomer_leaves_a_block_for_each_running_one(self):
        """Else it would be admitted and preempted at once, again and again."""
        engine = SmallEngine(num_blocks=4, block_size=4, budget=32)
        engine.add("a", prompt_of(8, 1), max_tokens=5)
        engine.step()
        engine.add("b", prompt_of(8, 2), max_tokens=1)
        assert engine.step() == {"a": 1}
        engine.run()
        assert engine.scheduler.num_preemptions == 0

    def test_a_request_that_found_no_blocks_is_looked_up_again_when_some_came_free(self, engine):
        """The head of a long queue would else cost a look-up of its whole prompt in every step."""
        lookups = []
        find_prefix = engine.cache.find_prefix
        engine.cache.find_prefix = lambda *args: lookups.append(1) or find_prefix(*args)
        engine.add("runs", prompt_of(14, 1), max_tokens=9)
        engine.add("waits", prompt_of(24, 2), max_tokens=1)
        steps = engine.run()
        assert len(steps) == 10
        assert 2 < len(lookups) < 6
        assert engine.outputs["waits"] == engine.runner.expected_output(prompt_of(24, 2), 1)


class TestWaste:
    def test_of_64_sequences_slots_less_than_4_percent_hold_no_token(self):
        """In no step, those in which long prompts are computed among them."""
        dice = random.Random(1)
        engine = SmallEngine(num_blocks=4000, block_size=16, budget=256, max_num_seqs=64, share=0.2)
        shares = []
        for number in range(120):
            prompt = dice.choices(range(VOCAB), k=dice.randint(200, 600))
            engine.add(f"r{number}", prompt, max_tokens=dice.randint(150, 220))
        engine.core._runner = Parrot()
        while engine.core.has_work:
            engine.core.step()
            running = engine.scheduler.running
            if len(running) == 64:
                held = 16 * sum(len(sequence.table.blocks) for sequence in running)
                shares.append(1 - sum(sequence.num_computed for sequence in running) / held)
        assert len(shares) > 20
        assert max(shares) < 0.04


class Parrot:
    """A runner that says one token only, at no cost."""

    def execute(self, work):
        sampled = {chunk.request_id: [SampledToken(1)] for chunk in work.chunks if chunk.samples}
        return RunnerOutput(sampled=sampled)


class TestLeaving:
    def test_an_abort_frees_the_blocks_wherever_the_request_stands(self):
        engine = SmallEngine(num_blocks=16, max_num_seqs=1, budget=8)
        engine.add("runs", prompt_of(20, 1), max_tokens=5)
        engine.add("waits", prompt_of(20, 2), max_tokens=5)
        engine.step()
        for name in ("waits", "runs", "runs", "never was"):
            engine.core.abort(name)
        assert not engine.core.has_work
        assert engine.cache.pool.num_free == 16
        engine.scheduler.check_integrity()

    def test_a_name_may_be_used_again_after_it_ended(self):
        engine = SmallEngine()
        engine.add("a", prompt_of(5, 1), max_tokens=9)
        engine.step()
        engine.core.abort("a")
        engine.add("a", prompt_of(7, 2), max_tokens=3)
        engine.run()
        assert engine.outputs["a"] == engine.runner.expected_output(prompt_of(7, 2), 3)
