"""The engine core: what a step gives back, how sequences end, what a failed step leaves."""

import pytest

from serving.engine.core import EngineCore
from serving.kv_cache.manager import KVCacheManager
from serving.request import EngineRequest, FinishReason
from serving.runner.interface import DeviceLost
from serving.sampling_params import SamplingParams
from serving.scheduler.scheduler import Scheduler
from serving.testing.fake_runner import FakeRunner, expected_output

VOCAB = 50
PROMPT = [3, 1, 4, 1, 5, 9, 2, 6, 5]


class Engine:
    def __init__(self, *, eos=(), max_model_len=64, max_num_seqs=2, fail_on=None):
        cache = KVCacheManager(32, 4)
        self.scheduler = Scheduler(cache, max_num_seqs=max_num_seqs, token_budget=16)
        self.runner = FakeRunner(32, 4, VOCAB, fail_on=fail_on)
        self.core = EngineCore(
            self.scheduler, self.runner, eos_token_ids=list(eos), max_model_len=max_model_len
        )

    def add(self, name, prompt=PROMPT, **sampling):
        self.core.add(
            EngineRequest(
                request_id=name,
                prompt_token_ids=list(prompt),
                sampling=SamplingParams(temperature=0.0, **sampling),
            )
        )

    def run(self):
        """Every delta until nothing is left to do."""
        deltas = []
        while self.core.has_work:
            deltas += self.core.step()
        return deltas


def tokens_of(deltas):
    return [token for delta in deltas for token in delta.token_ids]


class TestEnds:
    """Why a sequence ends, and what its last delta says."""

    def test_max_tokens(self):
        engine = Engine()
        engine.add("a", max_tokens=5)
        deltas = engine.run()
        assert tokens_of(deltas) == expected_output(PROMPT, 5, VOCAB)
        assert [delta.finish_reason for delta in deltas] == [None] * 4 + [FinishReason.LENGTH]

    def test_the_models_own_end_token_is_given_and_ends_it(self):
        answer = expected_output(PROMPT, 4, VOCAB)
        engine = Engine(eos=[answer[3]])
        engine.add("a", max_tokens=20)
        deltas = engine.run()
        assert tokens_of(deltas) == answer
        assert deltas[-1].finish_reason is FinishReason.STOP

    def test_ignore_eos_keeps_going(self):
        answer = expected_output(PROMPT, 8, VOCAB)
        engine = Engine(eos=[answer[3]])
        engine.add("a", max_tokens=8, ignore_eos=True)
        deltas = engine.run()
        assert tokens_of(deltas) == answer
        assert deltas[-1].finish_reason is FinishReason.LENGTH

    def test_a_stop_token_ends_it_even_where_eos_is_ignored(self):
        answer = expected_output(PROMPT, 8, VOCAB)
        engine = Engine()
        engine.add("a", max_tokens=8, ignore_eos=True, stop_token_ids=(answer[2],))
        assert tokens_of(engine.run()) == answer[:3]

    def test_an_end_token_as_the_last_allowed_one_counts_as_stop(self):
        answer = expected_output(PROMPT, 3, VOCAB)
        engine = Engine(eos=[answer[2]])
        engine.add("a", max_tokens=3)
        assert engine.run()[-1].finish_reason is FinishReason.STOP

    def test_without_max_tokens_the_context_is_the_limit(self):
        engine = Engine(max_model_len=20)
        engine.add("a")
        deltas = engine.run()
        assert len(tokens_of(deltas)) == 20 - len(PROMPT)
        assert deltas[-1].finish_reason is FinishReason.LENGTH

    def test_max_tokens_zero_ends_with_one_delta_and_no_token(self):
        engine = Engine()
        engine.add("a", max_tokens=0)
        (delta,) = engine.run()
        assert (delta.token_ids, delta.finish_reason) == ([], FinishReason.LENGTH)
        assert delta.timings is not None

    def test_an_aborted_request_says_nothing_more(self):
        engine = Engine()
        engine.add("a", max_tokens=5)
        engine.core.step()
        engine.core.abort("a")
        assert engine.run() == []

    def test_the_first_and_the_last_delta_bring_timings(self):
        engine = Engine()
        engine.add("a", max_tokens=4)
        timed = [delta.timings is not None for delta in engine.run()]
        assert timed == [True, False, False, True]


class TestFailedStep:
    @pytest.fixture
    def engine(self):
        """The second step fails; two run then, and a third waits for a place."""
        engine = Engine(fail_on={1: ValueError("secret prompt text")})
        for name in "abc":
            engine.add(name, [*PROMPT, ord(name) % VOCAB], max_tokens=4)
        engine.core.step()
        return engine

    def test_whoever_runs_ends_with_a_typed_error(self, engine):
        deltas = engine.core.step()
        assert {delta.request_id for delta in deltas} == {"a", "b"}
        for delta in deltas:
            assert delta.finish_reason is FinishReason.ERROR
            assert delta.error_code == "generation_failed"
            assert "ValueError" in delta.error_message

    def test_the_errors_own_text_stays_inside(self, engine):
        """It may hold anything, a prompt too."""
        assert not any("secret" in delta.error_message for delta in engine.core.step())

    def test_whoever_waits_goes_on(self, engine):
        engine.core.step()
        deltas = engine.run()
        assert tokens_of(deltas) == expected_output([*PROMPT, ord("c") % VOCAB], 4, VOCAB)

    def test_nothing_computed_before_is_trusted_and_no_block_is_lost(self, engine):
        engine.core.step()
        stats = engine.core.stats()
        assert (stats.cached_blocks, stats.free_blocks, stats.failed_steps) == (0, 32, 1)
        engine.run()
        engine.add("again", [*PROMPT, ord("a") % VOCAB], max_tokens=2)
        deltas = engine.run()
        assert tokens_of(deltas) == expected_output([*PROMPT, ord("a") % VOCAB], 2, VOCAB)

    def test_a_lost_device_is_not_survived(self):
        engine = Engine(fail_on={0: DeviceLost("gone")})
        engine.add("a", max_tokens=1)
        with pytest.raises(DeviceLost):
            engine.core.step()


class TestStats:
    def test_counters_add_up(self):
        engine = Engine()
        engine.add("a", max_tokens=4)
        engine.run()
        engine.add("b", max_tokens=2)
        engine.run()
        stats = engine.core.stats()
        assert stats.prompt_tokens == 2 * len(PROMPT)
        assert stats.cached_prompt_tokens == 8
        assert stats.generated_tokens == 6
        assert stats.steps == engine.runner.num_steps == 6
        assert (stats.total_blocks, stats.free_blocks, stats.block_size) == (32, 32, 4)

    def test_who_waits_and_who_runs(self):
        engine = Engine(max_num_seqs=1)
        for name in "abc":
            engine.add(name, max_tokens=3)
        assert (engine.core.stats().running, engine.core.stats().waiting) == (0, 3)
        engine.core.step()
        assert (engine.core.stats().running, engine.core.stats().waiting) == (1, 2)

    def test_a_request_that_left_before_it_began_is_not_counted(self):
        engine = Engine()
        engine.add("a", max_tokens=3)
        engine.core.abort("a")
        assert engine.core.stats().prompt_tokens == 0

    def test_a_request_that_left_half_way_is_counted(self):
        engine = Engine()
        engine.add("a", max_tokens=3)
        engine.core.step()
        engine.core.abort("a")
        assert engine.core.stats().prompt_tokens == len(PROMPT)


def test_a_step_without_work_gives_nothing():
    engine = Engine()
    assert not engine.core.has_work
    assert engine.core.step() == []
