"""Log-probabilities of a prompt: each position once, whatever is cached, chunked or preempted."""

import pytest
import torch

from serving.engine.core import EngineCore
from serving.engine.output import OutputAssembler
from serving.errors import GenerationFailed, InvalidRequest
from serving.kv_cache.manager import KVCacheManager
from serving.request import EngineRequest, FinishReason, PositionLogprobs, TokenDelta, TokenLogprob
from serving.runner.scoring import LOGITS_BYTES, score_budget_for
from serving.sampling.logprobs import prompt_logprobs
from serving.sampling_params import SamplingParams
from serving.scheduler.scheduler import Scheduler
from serving.scheduler.sequence import Sequence
from serving.testing import ByteTokenizer, FakeEngine, expected_output, expected_prompt_logprobs
from serving.testing.fake_runner import FakeRunner

VOCAB = 1000
BLOCK = 4
PROMPT = [(7 * index) % VOCAB for index in range(30)]


class Engine:
    """Steps, and keeps what they said of each request."""

    def __init__(self, *, num_blocks=64, budget=64, max_num_seqs=8, score_budget=1000):
        self.scheduler = Scheduler(
            KVCacheManager(num_blocks, BLOCK),
            max_num_seqs=max_num_seqs,
            token_budget=budget,
            score_budget=score_budget,
        )
        self.runner = FakeRunner(num_blocks, BLOCK, VOCAB)
        self.core = EngineCore(
            self.scheduler, self.runner, eos_token_ids=[], max_model_len=num_blocks * BLOCK
        )
        self.deltas = {}

    def add(self, name, prompt=PROMPT, max_tokens=1, top=None):
        sampling = SamplingParams(max_tokens=max_tokens, temperature=0.0, prompt_logprobs=top)
        self.core.add(
            EngineRequest(request_id=name, prompt_token_ids=list(prompt), sampling=sampling)
        )
        self.deltas[name] = []

    def step(self):
        for delta in self.core.step():
            self.deltas[delta.request_id].append(delta)
        self.scheduler.check_integrity()
        return {chunk.request_id: chunk for chunk in self.runner.work[-1].chunks}

    def run(self):
        while self.core.has_work:
            self.step()

    def told(self, name):
        return [entry for delta in self.deltas[name] for entry in delta.prompt_logprobs or []]

    def tokens(self, name):
        return [token for delta in self.deltas[name] for token in delta.token_ids]


class TestEachPositionOnce:
    @pytest.mark.parametrize("budget", [1, 3, 4, 64])
    @pytest.mark.parametrize("max_tokens", [0, 1, 5])
    def test_all_tokens_but_the_first_however_the_prompt_is_cut(self, budget, max_tokens):
        engine = Engine(budget=budget, max_num_seqs=1)
        engine.add("a", max_tokens=max_tokens, top=2)
        engine.run()
        assert engine.told("a") == expected_prompt_logprobs(PROMPT, 2)
        assert engine.tokens("a") == expected_output(PROMPT, max_tokens, VOCAB)

    def test_a_prompt_of_one_token_has_none(self):
        engine = Engine()
        engine.add("a", [5], top=3)
        engine.run()
        assert (engine.told("a"), engine.tokens("a")) == ([], expected_output([5], 1, VOCAB))

    def test_they_come_before_the_first_token(self):
        engine = Engine(budget=8)
        engine.add("a", max_tokens=2, top=0)
        engine.run()
        lengths = [len(delta.prompt_logprobs or []) for delta in engine.deltas["a"]]
        tokens = [len(delta.token_ids) for delta in engine.deltas["a"]]
        assert lengths == [8, 8, 8, 5, 0]
        assert tokens == [0, 0, 0, 1, 1]

    def test_a_request_that_does_not_ask_gets_none(self):
        engine = Engine()
        engine.add("a")
        engine.add("b", PROMPT[:9], top=1)
        engine.run()
        assert all(delta.prompt_logprobs is None for delta in engine.deltas["a"])
        assert len(engine.told("b")) == 8

    def test_a_preempted_prompt_goes_on_where_it_stopped(self):
        """The older one outgrows what is left beside the younger, which has to make room."""
        engine = Engine(num_blocks=9, max_num_seqs=2, score_budget=1)
        engine.add("old", PROMPT[:7], max_tokens=17)
        engine.add("young", PROMPT[10:30], top=1)
        computed, scored = [], []
        while engine.core.has_work:
            chunk = engine.step().get("young")
            if chunk is not None:
                computed += range(chunk.start, chunk.end)
                scored += chunk.scored
        assert engine.deltas["young"][-1].preemptions == 1
        assert scored == list(range(19)), "each position is scored once"
        assert len(computed) > 20, "some were computed again"
        assert engine.told("young") == expected_prompt_logprobs(PROMPT[10:30], 1)

    def test_a_step_that_fails_ends_the_request_with_an_error(self):
        engine = Engine(budget=8)
        engine.add("a", top=0)
        engine.step()
        engine.runner.fail_next(RuntimeError("scripted"))
        engine.run()
        assert engine.deltas["a"][-1].finish_reason is FinishReason.ERROR


class TestCache:
    def test_a_cached_prompt_is_computed_again_and_scored_whole(self):
        engine = Engine()
        engine.add("first")
        engine.run()
        engine.add("second", top=0)
        chunk = engine.step()["second"]
        assert (chunk.start, len(chunk.token_ids)) == (0, len(PROMPT))
        assert engine.told("second") == expected_prompt_logprobs(PROMPT, 0)
        assert engine.deltas["second"][-1].cached_tokens == 0

    def test_what_it_computed_is_a_prefix_hit_for_others(self):
        engine = Engine()
        engine.add("scored", top=0, max_tokens=0)
        engine.run()
        engine.add("next")
        engine.run()
        assert engine.deltas["next"][-1].cached_tokens == 28

    def test_it_does_not_wait_for_another_that_computes_its_prefix(self):
        engine = Engine(budget=40, max_num_seqs=5)
        prompt = list(range(100))
        engine.add("talks", PROMPT, max_tokens=9)
        engine.add("first", prompt)
        engine.step()
        engine.add("waits", prompt)
        engine.add("scores", prompt, top=0)
        chunks = engine.step()
        assert "waits" not in chunks and "scores" in chunks

    def test_nobody_waits_for_it(self):
        engine = Engine(budget=64, max_num_seqs=4, score_budget=2)
        prompt = list(range(100))
        engine.add("scores", prompt, top=0)
        engine.step()
        engine.add("chat", prompt)
        assert "chat" in engine.step()


class TestBudget:
    def test_a_step_scores_no_more_than_it_may(self):
        engine = Engine(score_budget=5)
        engine.add("a", top=0)
        assert len(engine.step()["a"].token_ids) == 5

    def test_it_is_shared_and_everybody_gets_a_position(self):
        engine = Engine(score_budget=4)
        for name in "abc":
            engine.add(name, top=0)
        assert [len(chunk.scored) for chunk in engine.step().values()] == [4, 1, 1]

    def test_the_last_position_is_not_scored_and_costs_nothing(self):
        engine = Engine(score_budget=29)
        engine.add("a", top=0)
        assert len(engine.step()["a"].token_ids) == 30

    def test_others_are_not_held_back_by_it(self):
        engine = Engine(score_budget=1)
        engine.add("scores", top=0)
        engine.add("a", PROMPT[::-1])
        engine.add("b", PROMPT[3:])
        chunks = engine.step()
        assert [len(chunk.token_ids) for chunk in chunks.values()] == [1, 30, 27]

    def test_what_was_scored_before_is_computed_again_at_full_speed(self):
        sampling = SamplingParams(prompt_logprobs=0)
        sequence = Sequence(
            EngineRequest(request_id="a", prompt_token_ids=PROMPT, sampling=sampling)
        )
        assert sequence.score(20) == range(20)
        sequence.num_computed = 8  # it was preempted, and found two blocks
        assert sequence.within_scores(22, limit=3) == 15
        assert sequence.score(23) == range(20, 23)

    @pytest.mark.parametrize("vocab", [211, 49_152, 151_936, 262_144])
    def test_the_logits_of_a_step_stay_within_their_memory(self, vocab):
        positions = score_budget_for(vocab)
        assert 4 * vocab * positions <= LOGITS_BYTES < 4 * vocab * (positions + 1)

    def test_a_vocabulary_beyond_all_memory_still_goes_on(self):
        assert score_budget_for(LOGITS_BYTES) == 1


class TestFromLogits:
    @pytest.mark.parametrize("rows", [1, 64, 65, 200])
    def test_they_are_the_log_softmax_whatever_the_number_of_rows(self, rows):
        logits = torch.randn(rows, 50)
        tokens = [(3 * row) % 50 for row in range(rows)]
        entries = prompt_logprobs(logits, tokens, 4)
        expected = logits.log_softmax(-1)[range(rows), tokens].tolist()
        assert [entry.chosen.token_id for entry in entries] == tokens
        assert [entry.chosen.logprob for entry in entries] == pytest.approx(expected, abs=1e-5)
        assert all(len(entry.top) == 4 for entry in entries)

    def test_nan_is_an_error_and_no_number(self):
        logits = torch.randn(3, 50)
        logits[1, 7] = torch.nan
        with pytest.raises(GenerationFailed, match="finite"):
            prompt_logprobs(logits, [0, 1, 2], 0)


class TestOutput:
    ENTRY = PositionLogprobs(TokenLogprob(98, -1.0, 1), [])

    def assembler(self, **params):
        return OutputAssembler("r", [97, 98, 99], SamplingParams(**params), ByteTokenizer(), [])

    def delta(self, scores=(), token_ids=(), **fields):
        return TokenDelta(
            request_id="r", token_ids=list(token_ids), prompt_logprobs=list(scores), **fields
        )

    def test_the_first_output_has_all_of_them_and_the_next_ones_none(self):
        assembler = self.assembler(prompt_logprobs=0)
        assert assembler.feed(self.delta([self.ENTRY])) is None
        first = assembler.feed(self.delta([self.ENTRY], [104]))
        assert (first.text, first.prompt_logprobs) == ("h", [self.ENTRY] * 2)
        assert assembler.feed(self.delta(token_ids=[105])).prompt_logprobs is None

    def test_without_a_token_they_come_with_the_end(self):
        assembler = self.assembler(prompt_logprobs=0, max_tokens=0)
        last = assembler.feed(self.delta([self.ENTRY] * 2, finish_reason=FinishReason.LENGTH))
        assert (last.text, last.prompt_logprobs) == ("", [self.ENTRY] * 2)

    def test_a_cut_request_has_those_that_were_computed(self):
        assembler = self.assembler(prompt_logprobs=0)
        assembler.feed(self.delta([self.ENTRY]))
        assert assembler.finish(FinishReason.DEADLINE).prompt_logprobs == [self.ENTRY]

    def test_a_request_that_does_not_ask_has_none(self):
        output = self.assembler().feed(self.delta(token_ids=[104]))
        assert output.prompt_logprobs is None


class TestFakeEngine:
    def test_it_gives_them_with_the_first_output(self):
        params = SamplingParams(prompt_logprobs=2)
        outputs = list(FakeEngine("yes").submit("abc", params))
        told = outputs[0].prompt_logprobs
        assert [entry.chosen.token_id for entry in told] == [ord("b"), ord("c")]
        assert [len(entry.top) for entry in told] == [2, 2]
        assert all(output.prompt_logprobs is None for output in outputs[1:])

    def test_it_finds_nothing_warm_for_such_a_request(self):
        engine = FakeEngine("yes")
        list(engine.submit("a" * 64, SamplingParams()))
        last = list(engine.submit("a" * 64, SamplingParams(prompt_logprobs=0)))[-1]
        assert last.usage.cached_tokens == 0


@pytest.mark.parametrize("value", [-1, 21])
def test_a_number_out_of_range_is_refused_by_name(value):
    with pytest.raises(InvalidRequest) as caught:
        SamplingParams(prompt_logprobs=value)
    assert caught.value.param == "prompt_logprobs"
