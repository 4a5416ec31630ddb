"""A runner that computes nothing and says how long it would have taken."""

from __future__ import annotations

from benchmarks.fleet_model.latency import Latency
from serving.request import SampledToken
from serving.runner.interface import Runner
from serving.scheduler.output import RunnerOutput, ScheduledChunk, SchedulerOutput


class TimedRunner:
    """Implements `serving.runner.interface.Runner` in virtual time.

    The next token's id follows the last one's: a session's tokens are numbered, so that every text
    is another one and the next turn's prompt is known without keeping it.

    Args:
        latency: what steps take.
        checker: a runner that gets the same work first, to check the bookkeeping; None for none.

    Attributes:
        step_s: seconds of the last step.
        computed: tokens computed so far.
    """

    def __init__(self, latency: Latency, checker: Runner | None = None) -> None:
        self.step_s = 0.0
        self.computed = 0
        self._latency = latency
        self._checker = checker

    def execute(self, work: SchedulerOutput) -> RunnerOutput:
        """Count the work, price it, and give each sampling chunk its next token."""
        if self._checker is not None:
            self._checker.execute(work)
        self.step_s = self._latency.step_s(work.chunks)
        self.computed += work.num_tokens
        return RunnerOutput({it.request_id: [_next(it)] for it in work.chunks if it.samples})


def _next(chunk: ScheduledChunk) -> SampledToken:
    return SampledToken(chunk.prompt_token_ids[-1] + len(chunk.output_token_ids) + 1)
