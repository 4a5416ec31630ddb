"""An engine core on a fake runner, watched: every step is held against the rules of scheduling.

Shared by the state machine and the long random runs. All knowledge of what is right is here and
taken from the documentation of scheduler and cache, not from their state.
"""

import itertools
import random
from dataclasses import dataclass, field

from serving.engine.core import EngineCore
from serving.kv_cache.manager import KVCacheManager
from serving.request import EngineRequest, FinishReason, PositionLogprobs
from serving.sampling_params import SamplingParams
from serving.scheduler.scheduler import Scheduler
from serving.scheduler.turns import Turns
from serving.testing.fake_runner import FakeRunner, expected_prompt_logprobs

VOCAB = 13
EOS = 12
LONGEST = 140  # tokens of a sequence
LABELS = ("", "a", "b")  # of the requests, in turn
HOLDBACK_TOKENS = 32  # a shared stretch shorter than this is not worth waiting for


@dataclass(frozen=True)
class Setup:
    """What is drawn once for a run."""

    num_blocks: int
    block_size: int
    token_budget: int
    max_num_seqs: int
    long_prefill_share: float = 0.75
    prefix_caching: bool = True
    score_budget: int = 256
    drafts: int = 0  # tokens of a draft at most
    riders: int | None = None  # more decoding sequences than that have turns of their own
    enough_rows: int = 1

    @property
    def max_model_len(self):
        """As many tokens as fit, but not so many that a run takes long."""
        return min(self.num_blocks * self.block_size, LONGEST)


@dataclass(eq=False)
class Asked:
    """One request and what came of it."""

    request: EngineRequest
    output: list[int] = field(default_factory=list)
    prompt_logprobs: list[PositionLogprobs] = field(default_factory=list)
    reason: FinishReason | None = None
    cached_tokens: int | None = None
    expected: list[int] | None = None
    preemptions: int = 0
    is_long: bool = False  # more to compute than fits into one step, when it was admitted

    @property
    def name(self):
        return self.request.request_id

    @property
    def tokens(self):
        return [*self.request.prompt_token_ids, *self.output]


class GuessingDrafter:
    """Guesses the right tokens, spoils some of them, and counts what it hears of it."""

    def __init__(self, engine, most):
        self.engine = engine
        self.most = most
        self.drafting = set()
        self._dice = random.Random(0)

    def pays(self, running):
        return True

    def draft(self, request_id, token_ids, most, running):
        assert most > 0 and running == len(self.engine.scheduler.running)
        self.drafting.add(request_id)
        count = self._dice.randint(0, min(most, self.most))
        right = self.engine.runner.expected_output(token_ids, count)
        return [token if self._dice.random() < 0.8 else (token + 1) % VOCAB for token in right]

    def learn(self, request_id, drafted, accepted):
        assert request_id in self.drafting
        assert 0 <= accepted <= drafted and drafted > 0

    def forget(self, request_id):
        self.drafting.discard(request_id)


class WatchedEngine:
    """Drives the core as the loop does, and checks each step."""

    def __init__(self, setup):
        self.setup = setup
        self.cache = KVCacheManager(
            setup.num_blocks, setup.block_size, prefix_caching=setup.prefix_caching
        )
        self.scheduler = Scheduler(
            self.cache,
            max_num_seqs=setup.max_num_seqs,
            token_budget=setup.token_budget,
            long_prefill_share=setup.long_prefill_share,
            score_budget=setup.score_budget,
            drafter=GuessingDrafter(self, setup.drafts) if setup.drafts else None,
            max_model_len=setup.max_model_len,
            turns=Turns(setup.riders, setup.enough_rows, setup.token_budget),
        )
        self.runner = FakeRunner(setup.num_blocks, setup.block_size, VOCAB)
        self.core = EngineCore(
            self.scheduler, self.runner, eos_token_ids=[EOS], max_model_len=setup.max_model_len
        )
        self.budget = max(setup.token_budget, setup.max_num_seqs)
        self.preemptions = 0
        self.asked = {}
        self.live = {}
        self.history = {}  # salt -> every token list that was ever under way
        self._names = itertools.count()

    # -- what may happen -----------------------------------------------------------------------

    def add(self, prompt, *, salt="", **sampling):
        """Queue a request that fits, as the client would have let through."""
        params = SamplingParams(temperature=0.0, **sampling)
        number = next(self._names)
        request = EngineRequest(
            request_id=f"r{number}",
            prompt_token_ids=list(prompt),
            sampling=params,
            cache_salt=salt,
            label=LABELS[number % len(LABELS)],
        )
        asked = Asked(request)
        self.asked[asked.name] = self.live[asked.name] = asked
        self.history.setdefault(salt, []).append(asked)
        self.core.add(request)
        return asked

    def abort(self, name):
        self.core.abort(name)
        asked = self.live.pop(name, None)
        if asked is not None:
            asked.reason = FinishReason.ABORT

    def step(self):
        """One step, checked from all sides."""
        for delta in self._advance():
            self._take(delta)
        self.check_integrity()

    def fail_step(self):
        """A step that raises: whoever was running ends with an error, whoever waits goes on."""
        self.runner.fail_next(RuntimeError("scripted"))
        deltas = self._advance()
        failed = [delta.request_id for delta in deltas]
        in_step = [chunk.request_id for chunk in self.runner.work[-1].chunks]
        assert sorted(failed) == sorted(in_step)
        for delta in deltas:
            assert delta.finish_reason is FinishReason.ERROR and delta.error_code
            assert "scripted" not in (delta.error_message or "")
            self.live.pop(delta.request_id).reason = FinishReason.ERROR
        assert set(self.live) == {sequence.request_id for sequence in self.scheduler.waiting}
        assert not self.scheduler.running and self.cache.pool.num_hashed == 0
        self.check_integrity()

    def _advance(self):
        had_work = self.core.has_work
        assert had_work == bool(self.live)
        running = [sequence.request_id for sequence in self.scheduler.running]
        waiting = [sequence.request_id for sequence in self.scheduler.waiting]
        self.decoding = any(one.num_uncomputed == 1 for one in self.scheduler.running)
        deltas = self.core.step()
        work = self.runner.work[-1]
        assert bool(work.chunks) == had_work, "a step with work computes something, always"
        self._check_budget(work)
        admitted = [chunk.request_id for chunk in work.chunks if chunk.request_id in waiting]
        self._check_running_go_first(work, running, waiting, admitted)
        self._check_fairness(work, waiting, admitted)
        return deltas

    def finish_all(self):
        """Step until nothing is left, within a bound.

        In each step the oldest running sequence computes at least one token, and it is never
        preempted: so all are done after as many steps as there are tokens, at worst.
        """
        bound = sum(self._most_tokens(asked) + 1 for asked in self.live.values())
        for _ in range(bound):
            if not self.live:
                break
            self.step()
        assert not self.live, f"{sorted(self.live)} starve"
        self.check_nothing_is_held()

    def abort_all(self):
        for name in list(self.live):
            self.abort(name)
        self.check_nothing_is_held()

    # -- what must hold ------------------------------------------------------------------------

    def check_integrity(self):
        self.scheduler.check_integrity()
        stats = self.core.stats()
        assert stats.running + stats.waiting == len(self.live)
        assert stats.running <= self.setup.max_num_seqs
        assert stats.total_blocks == self.setup.num_blocks
        assert stats.accepted_tokens <= stats.drafted_tokens <= stats.drafts * self.setup.drafts
        self._check_kv_usage()

    def _check_kv_usage(self):
        """Every block is counted once; who runs is said to run, and has its tokens."""
        usage = self.core.kv_usage()
        assert usage.total == usage.free + usage.cached + usage.used
        owned = sum(session.blocks for session in usage.sessions)
        assert usage.total == usage.free + usage.other + owned
        running = {sequence.request.label for sequence in self.scheduler.running}
        for session in usage.sessions:
            assert session.running == (session.label in running)
            assert 0 <= session.tokens <= session.blocks * self.setup.block_size
            assert session.shared <= session.blocks

    def check_nothing_is_held(self):
        self.check_integrity()
        assert not self.core.has_work
        assert self.core.kv_usage().used == 0
        assert self.cache.pool.num_free == self.setup.num_blocks
        assert all(block.ref_count == 0 for block in self.cache.pool.blocks)

    def _check_budget(self, work):
        assert work.num_tokens <= self.budget
        assert len(work.chunks) <= self.setup.max_num_seqs
        scored = sum(len(chunk.scored) + len(chunk.drafted) for chunk in work.chunks)
        assert scored <= self.setup.score_budget + len(work.chunks)
        for chunk in work.chunks:
            assert chunk.token_ids, "who is in a step computes something"
            assert len(chunk.drafted) <= self.setup.drafts
            assert not chunk.drafted or len(chunk.token_ids) == len(chunk.drafted) + 1
        names = [chunk.request_id for chunk in work.chunks]
        assert len(set(names)) == len(names)

    def _check_running_go_first(self, work, running, waiting, admitted):
        """Who runs gets a token or is preempted; nobody is admitted where somebody was."""
        scheduled = [chunk.request_id for chunk in work.chunks]
        now_waiting = [sequence.request_id for sequence in self.scheduler.waiting]
        preempted = [name for name in running if name in now_waiting]
        stayed = running[: len(running) - len(preempted)]
        assert stayed + preempted == running, "the youngest are preempted, nobody else"
        if self.setup.riders is None:
            assert scheduled == stayed + admitted, "running ones first, in the order of admission"
        else:
            assert scheduled == [name for name in stayed + admitted if name in scheduled]
            self._check_turn(work, stayed, admitted)
        for asked in self.live.values():
            asked.preemptions += asked.name in preempted
        assert self.core.stats().preemptions == self.preemptions + len(preempted)
        self.preemptions += len(preempted)
        if preempted:
            assert not admitted
            assert now_waiting == preempted + waiting, "they go on before anybody new"
        cap = max(1, int(self.budget * self.setup.long_prefill_share))
        for chunk in work.chunks:
            asked = self.live[chunk.request_id]
            if chunk.request_id in admitted:
                asked.is_long = len(asked.tokens) - chunk.start > self.budget
        for chunk in work.chunks if self.decoding else ():
            if self.live[chunk.request_id].is_long:
                assert len(chunk.token_ids) - len(chunk.drafted) <= cap

    def _check_turn(self, work, stayed, admitted):
        """With many decoding, a step is theirs, all of theirs, or it is the prompts'."""
        assert work.chunks or not stayed, "a step computes something"
        decoding = [name for name in stayed if self._is_decoding(name, work)]
        if len(decoding) > self.setup.riders:
            scheduled = {chunk.request_id for chunk in work.chunks}
            assert scheduled == set(decoding) or not scheduled & set(decoding)

    def _is_decoding(self, name, work):
        for chunk in work.chunks:
            if chunk.request_id == name:
                return len(self.live[name].tokens) - chunk.start == 1
        return self.scheduler.get(name).num_uncomputed == 1

    def _check_fairness(self, work, waiting, admitted):
        """Oldest first; only one whose prefix is being computed just now is overtaken."""
        assert admitted == [name for name in waiting if name in admitted]
        if not admitted:
            return
        last = waiting.index(admitted[-1])
        in_step = [chunk.request_id for chunk in work.chunks]
        for name in waiting[:last]:
            if name not in admitted:
                assert self._shares_a_long_prefix(name, in_step), f"{name} was overtaken"

    def _shares_a_long_prefix(self, name, others):
        asked = self.live[name]
        size = self.setup.block_size
        long = -(-HOLDBACK_TOKENS // size) * size
        return any(
            self.asked[other].request.cache_salt == asked.request.cache_salt
            and common(asked.tokens, self.asked[other].tokens) >= long
            for other in others
        )

    def _take(self, delta):
        asked = self.live[delta.request_id]
        asked.output.extend(delta.token_ids)
        self._check_prompt_logprobs(asked, delta)
        self._check_cached(asked, delta.cached_tokens)
        if asked.expected is None:
            asked.expected = self._sequential_answer(asked)
        expected = asked.expected
        assert asked.output == expected[: len(asked.output)]
        if delta.finish_reason is None:
            return
        asked.reason = delta.finish_reason
        assert delta.preemptions == asked.preemptions
        assert asked.output == expected
        stopped = bool(expected) and self._stops(asked, expected[-1])
        assert delta.finish_reason is (FinishReason.STOP if stopped else FinishReason.LENGTH)
        del self.live[asked.name]

    def _check_prompt_logprobs(self, asked, delta):
        """Every position once and in order; all of them before the first token or the end."""
        asked.prompt_logprobs.extend(delta.prompt_logprobs or [])
        top = asked.request.sampling.prompt_logprobs
        prompt = asked.request.prompt_token_ids
        expected = [] if top is None else expected_prompt_logprobs(prompt, top)
        told = len(asked.prompt_logprobs)
        assert asked.prompt_logprobs == expected[:told]
        if delta.token_ids or delta.finish_reason is not None:
            assert told == len(expected)

    def _check_cached(self, asked, cached):
        """Whole blocks, never all of the prompt, the same all along, and seen before."""
        prompt = asked.request.prompt_token_ids
        assert cached % self.setup.block_size == 0 and cached < len(prompt)
        assert asked.cached_tokens in (None, cached)
        asked.cached_tokens = cached
        if cached == 0:
            return
        assert asked.request.sampling.prompt_logprobs is None or len(prompt) == 1
        assert self.setup.prefix_caching
        others = [other for other in self.history[asked.request.cache_salt] if other is not asked]
        assert max(common(prompt, other.tokens) for other in others) >= cached

    def _sequential_answer(self, asked):
        """The answer of a sequential engine without any cache."""
        room = self.setup.max_model_len - len(asked.request.prompt_token_ids)
        wanted = asked.request.sampling.max_tokens
        count = room if wanted is None else min(wanted, room)
        tokens = self.runner.expected_output(asked.request.prompt_token_ids, count)
        for index, token in enumerate(tokens):
            if self._stops(asked, token):
                return tokens[: index + 1]
        return tokens

    def _stops(self, asked, token):
        sampling = asked.request.sampling
        return token in sampling.stop_token_ids or (token == EOS and not sampling.ignore_eos)

    def _most_tokens(self, asked):
        wanted = asked.request.sampling.max_tokens
        if wanted is None:
            return self.setup.max_model_len
        return len(asked.request.prompt_token_ids) + wanted


def common(left, right):
    """Length of the common prefix."""
    pairs = zip(left, right, strict=False)
    return sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))
