"""A small engine for the scheduler's tests; a fake runner underneath checks every block read."""

from serving.engine.core import EngineCore
from serving.kv_cache.manager import KVCacheManager
from serving.request import EngineRequest
from serving.sampling_params import SamplingParams
from serving.scheduler.scheduler import Scheduler
from serving.testing.fake_runner import FakeRunner

VOCAB = 1000


class SmallEngine:
    """Each step says how many tokens it computed for whom: that is what it costs."""

    def __init__(
        self,
        *,
        num_blocks=1000,
        block_size=4,
        budget=64,
        max_num_seqs=8,
        share=0.75,
        turns=None,
        drafter=None,
    ):
        self.cache = KVCacheManager(num_blocks, block_size)
        self.scheduler = Scheduler(
            self.cache,
            max_num_seqs=max_num_seqs,
            token_budget=budget,
            long_prefill_share=share,
            turns=turns,
            drafter=drafter,
        )
        self.runner = FakeRunner(num_blocks, block_size, VOCAB)
        self.core = EngineCore(
            self.scheduler,
            self.runner,
            eos_token_ids=[],
            max_model_len=num_blocks * block_size,
        )
        self.outputs = {}
        self.deltas = {}

    def add(self, name, prompt, max_tokens=1, salt=""):
        sampling = SamplingParams(max_tokens=max_tokens, temperature=0.0)
        self.core.add(
            EngineRequest(
                request_id=name, prompt_token_ids=prompt, sampling=sampling, cache_salt=salt
            )
        )
        self.outputs[name] = []

    def step(self):
        for delta in self.core.step():
            self.outputs[delta.request_id] += delta.token_ids
            self.deltas[delta.request_id] = delta
        self.scheduler.check_integrity()
        return {chunk.request_id: len(chunk.token_ids) for chunk in self.runner.work[-1].chunks}

    def run(self):
        """Step until all is done; the steps' costs."""
        steps = []
        while self.core.has_work:
            steps.append(self.step())
        return steps


def prompt_of(length, seed=0):
    """Different seeds share no block."""
    return [(seed * 331 + index * 7) % VOCAB for index in range(length)]
