"""Drafts ride along: they cost nobody else a token or a block, and end where an answer ends."""

import pytest

from serving.engine.core import EngineCore
from serving.kv_cache.manager import KVCacheManager
from serving.request import EngineRequest, FinishReason
from serving.sampling_params import SamplingParams
from serving.scheduler.scheduler import Scheduler
from serving.testing.fake_runner import FakeRunner
from tests.unit.serving.small_engine import VOCAB, SmallEngine, prompt_of


class Oracle:
    """Knows what comes; `wrong_after` of its tokens are right."""

    def __init__(self, runner, most, wrong_after=100):
        self.runner, self.most, self.wrong_after = runner, most, wrong_after
        self.learned = []
        self.largest = 1000

    def pays(self, running):
        return running <= self.largest

    def draft(self, request_id, token_ids, most, running):
        right = self.runner.expected_output(list(token_ids), min(most, self.most))
        return [
            token if place < self.wrong_after else (token + 1) % VOCAB
            for place, token in enumerate(right)
        ]

    def learn(self, request_id, drafted, accepted):
        self.learned.append((drafted, accepted))

    def forget(self, request_id):
        pass


def drafting_engine(*, most=4, wrong_after=100, eos=(), max_model_len=4000, **settings):
    engine = SmallEngine(**settings)
    sizes = {"num_blocks": 1000, "block_size": 4, "budget": 64, "max_num_seqs": 8} | settings
    oracle = Oracle(engine.runner, most, wrong_after)
    engine.scheduler = Scheduler(
        engine.cache,
        max_num_seqs=sizes["max_num_seqs"],
        token_budget=sizes["budget"],
        drafter=oracle,
        max_model_len=max_model_len,
    )
    engine.core = EngineCore(
        engine.scheduler, engine.runner, eos_token_ids=list(eos), max_model_len=max_model_len
    )
    return engine, oracle


def expected(engine, prompt, count):
    return engine.runner.expected_output(prompt, count)


class TestAnswers:
    def test_right_drafts_give_several_tokens_a_step(self):
        engine, oracle = drafting_engine(most=4)
        engine.add("a", prompt_of(6), max_tokens=11)
        assert engine.run() == [{"a": 6}, {"a": 5}, {"a": 5}]
        assert engine.outputs["a"] == expected(engine, prompt_of(6), 11)
        assert oracle.learned == [(4, 4), (4, 4)]

    @pytest.mark.parametrize("wrong_after", [0, 1, 3])
    def test_wrong_drafts_give_the_same_answer(self, wrong_after):
        engine, oracle = drafting_engine(most=4, wrong_after=wrong_after)
        engine.add("a", prompt_of(6), max_tokens=30)
        engine.run()
        assert engine.outputs["a"] == expected(engine, prompt_of(6), 30)
        assert {accepted for _, accepted in oracle.learned[:-1]} == {wrong_after}

    def test_max_tokens_are_never_overshot(self):
        for count in range(1, 9):
            engine, _ = drafting_engine(most=8)
            engine.add("a", prompt_of(6), max_tokens=count)
            steps = engine.run()
            assert engine.outputs["a"] == expected(engine, prompt_of(6), count)
            assert sum(step["a"] for step in steps) == 6 + count - 1, "no row in vain"

    def test_the_context_is_never_overshot(self):
        engine, _ = drafting_engine(most=8, max_model_len=12, num_blocks=3)
        engine.add("a", prompt_of(6), max_tokens=None)
        engine.run()
        assert engine.deltas["a"].finish_reason is FinishReason.LENGTH
        assert engine.outputs["a"] == expected(engine, prompt_of(6), 6)

    def test_an_end_among_the_drafts_ends_the_answer_there(self):
        answer = FakeRunner(1, 1, VOCAB).expected_output(prompt_of(6), 20)
        engine, oracle = drafting_engine(most=8, eos=[answer[5]])
        engine.add("a", prompt_of(6), max_tokens=20)
        engine.run()
        assert engine.outputs["a"] == answer[:6]
        assert engine.deltas["a"].finish_reason is FinishReason.STOP
        assert engine.core.stats().generated_tokens == 6
        assert engine.core.stats().accepted_tokens == 5
        assert oracle.learned == [(8, 8)]

    def test_the_first_tokens_bring_the_timings_even_if_they_are_many(self):
        engine, _ = drafting_engine(most=4)
        engine.add("a", prompt_of(6), max_tokens=20)
        engine.step()
        assert engine.deltas["a"].timings is not None
        engine.step()
        assert engine.deltas["a"].timings is None


class TestTheCache:
    def test_the_next_turn_finds_accepted_tokens_and_no_wrong_ones(self):
        engine, _ = drafting_engine(most=4, wrong_after=2)
        engine.add("a", prompt_of(6), max_tokens=20)
        engine.run()
        history = [*prompt_of(6), *engine.outputs["a"]]
        engine.add("b", [*history, 1, 2, 3], max_tokens=1)
        engine.run()
        assert engine.deltas["b"].cached_tokens == (len(history) - 1) // 4 * 4

    def test_a_token_that_ended_the_answer_is_warm_if_it_was_drafted(self):
        answer = FakeRunner(1, 1, VOCAB).expected_output(prompt_of(6), 20)
        engine, _ = drafting_engine(most=8, eos=[answer[5]])
        engine.add("a", prompt_of(6), max_tokens=20)
        engine.run()
        engine.add("b", [*prompt_of(6), *answer[:6], 1], max_tokens=1)
        engine.run()
        assert engine.deltas["b"].cached_tokens == 12

    def test_nobody_is_preempted_for_a_guess(self):
        """Two sequences need 14 blocks in the end, and there are 14."""
        plain = SmallEngine(num_blocks=14, block_size=4)
        drafting, _ = drafting_engine(num_blocks=14, block_size=4, most=8)
        for engine in (plain, drafting):
            for name in ("a", "b"):
                engine.add(name, prompt_of(8, ord(name)), max_tokens=20)
            engine.run()
            assert engine.scheduler.num_preemptions == 0
        assert plain.outputs == drafting.outputs


class TestTheBudget:
    def test_where_the_drafter_says_it_does_not_pay_nobody_drafts(self):
        engine, oracle = drafting_engine()
        oracle.largest = 1
        engine.add("a", prompt_of(2, 1), max_tokens=12)
        engine.add("b", prompt_of(2, 2), max_tokens=3)
        assert engine.run() == [
            {"a": 2, "b": 2},
            {"a": 1, "b": 1},
            {"a": 1, "b": 1},
            {"a": 5},
            {"a": 4},
        ]

    def test_no_guess_takes_a_token_of_those_behind(self):
        engine, _ = drafting_engine(budget=8, max_num_seqs=4, most=8)
        for number in range(4):
            engine.add(f"r{number}", prompt_of(2, number), max_tokens=30)
        engine.step()
        for _ in range(3):
            step = engine.step()
            assert sum(step.values()) <= 8 and len(step) == 4

    def test_no_guess_takes_a_token_of_a_prompt(self):
        engine, _ = drafting_engine(budget=16, max_num_seqs=4, most=8)
        engine.add("a", prompt_of(2), max_tokens=60)
        engine.step()
        engine.add("b", prompt_of(16, 1), max_tokens=1)
        assert engine.step() == {"a": 1, "b": 15}

    def test_the_rows_of_logits_are_bounded_as_those_of_scores_are(self):
        cache = KVCacheManager(100, 4)
        runner = FakeRunner(100, 4, VOCAB)
        scheduler = Scheduler(
            cache, max_num_seqs=8, token_budget=64, score_budget=5, drafter=Oracle(runner, 8)
        )
        core = EngineCore(scheduler, runner, eos_token_ids=[], max_model_len=400)
        for number in range(3):
            core.add(
                EngineRequest(
                    request_id=f"r{number}",
                    prompt_token_ids=prompt_of(3, number),
                    sampling=SamplingParams(max_tokens=40),
                )
            )
        while core.has_work:
            core.step()
        drafted = [sum(len(chunk.drafted) for chunk in work.chunks) for work in runner.work]
        assert max(drafted) == 5
