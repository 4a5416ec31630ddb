"""One step of the engine: schedule -> execute -> update.

Knows no process and no socket: `process.py` and the in-process client drive it, and the tests do
with a fake runner.
"""

from __future__ import annotations

import logging
from typing import Protocol

from serving.request import (
    EngineRequest,
    EngineStats,
    FinishReason,
    KVUsage,
    PositionLogprobs,
    SampledToken,
    TokenDelta,
)
from serving.runner.interface import DeviceLost, Runner
from serving.scheduler.output import RunnerOutput, ScheduledChunk
from serving.scheduler.scheduler import Scheduler
from serving.scheduler.sequence import Sequence

logger = logging.getLogger(__name__)


class Core(Protocol):
    """What the engine loop drives: the paged core below, or the one-at-a-time fallback."""

    @property
    def has_work(self) -> bool:
        """Whether `step` would compute anything."""

    def add(self, request: EngineRequest) -> None:
        """Queue a request."""

    def abort(self, request_id: str) -> None:
        """Forget a request; no effect on one that is not live."""

    def step(self) -> list[TokenDelta]:
        """Compute one step; what it gave each request."""

    def stats(self) -> EngineStats:
        """A snapshot of queues and counters."""

    def kv_usage(self) -> KVUsage | None:
        """A snapshot of the KV cache; None where there are no blocks."""


class EngineCore:
    """The paged engine: one scheduler, one runner.

    Args:
        scheduler: owns the sequences.
        runner: computes the steps.
        eos_token_ids: the model's end-of-sequence tokens.
        max_model_len: tokens a sequence may have in all.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        runner: Runner,
        *,
        eos_token_ids: list[int],
        max_model_len: int,
    ) -> None:
        self._scheduler = scheduler
        self._runner = runner
        self._eos = frozenset(eos_token_ids)
        self._max_model_len = max_model_len
        self._steps = self._failed_steps = 0
        self._prompt_tokens = self._cached_tokens = self._generated_tokens = 0

    @property
    def has_work(self) -> bool:
        """Whether `step` would compute anything."""
        return self._scheduler.has_work

    def add(self, request: EngineRequest) -> None:
        """Queue a request that fits the model and the cache (the client has checked)."""
        self._scheduler.add(request)

    def abort(self, request_id: str) -> None:
        """Forget a request and free its blocks; no effect on one that is not live."""
        sequence = self._scheduler.finish(request_id, FinishReason.ABORT)
        if sequence is not None:
            self._count(sequence)

    def step(self) -> list[TokenDelta]:
        """Compute one step and say what each sequence got.

        A step that raises ends every running sequence with an error and empties the prefix cache,
        whose content is then in doubt; waiting sequences go on.

        Raises:
            DeviceLost: no later step can work either; the engine must end.
        """
        work = self._scheduler.schedule()
        try:
            result = self._runner.execute(work)
        except DeviceLost:
            raise
        except Exception as error:
            return self._fail_running(error)
        self._steps += 1
        deltas = (self._update(chunk, result) for chunk in work.chunks)
        return [delta for delta in deltas if delta is not None]

    def _update(self, chunk: ScheduledChunk, result: RunnerOutput) -> TokenDelta | None:
        sequence = self._scheduler.get(chunk.request_id)
        if sequence is None:
            return None
        scores = result.prompt_logprobs.get(chunk.request_id)
        if chunk.samples:
            return self._extend(sequence, chunk, result.sampled[chunk.request_id], scores)
        if sequence.num_uncomputed == 0:  # max_tokens = 0: the prompt is warm, no token to tell
            return self._finish(sequence, FinishReason.LENGTH, [], scores)
        return sequence.delta([], scores) if scores else None

    def _extend(
        self,
        sequence: Sequence,
        chunk: ScheduledChunk,
        tokens: list[SampledToken],
        scores: list[PositionLogprobs] | None,
    ) -> TokenDelta:
        """Take a step's tokens, up to the one that ends the sequence."""
        reason = None
        taken = 0
        for token in tokens:
            sequence.append(token.token_id)
            taken += 1
            reason = sequence.finish_reason(token.token_id, self._eos, self._max_model_len)
            if reason is not None:
                break
        self._generated_tokens += taken
        if chunk.drafted:
            right = len(tokens) - 1
            self._scheduler.drafts.confirm(sequence, len(chunk.drafted), right, min(taken, right))
        if reason is not None:
            return self._finish(sequence, reason, tokens[:taken], scores)
        return sequence.delta(tokens, scores)

    def _finish(
        self,
        sequence: Sequence,
        reason: FinishReason,
        tokens: list[SampledToken],
        scores: list[PositionLogprobs] | None,
    ) -> TokenDelta:
        self._scheduler.finish(sequence.request_id, reason)
        self._count(sequence)
        return sequence.final_delta(reason, tokens, scores)

    def _count(self, sequence: Sequence) -> None:
        """Add a sequence's prompt to the totals when it leaves, unless it never began."""
        if sequence.admitted_at is not None:
            self._prompt_tokens += sequence.prompt_len
            self._cached_tokens += sequence.cached_tokens

    def _fail_running(self, error: Exception) -> list[TokenDelta]:
        self._failed_steps += 1
        logger.exception("a step failed; its requests end with an error")
        failed = list(self._scheduler.running)
        for sequence in failed:
            self._scheduler.finish(sequence.request_id, FinishReason.ERROR)
            self._count(sequence)
        self._scheduler.cache.pool.forget_all()
        return [sequence.failed_delta(error) for sequence in failed]

    def stats(self) -> EngineStats:
        """A snapshot of queues, blocks and counters."""
        cache = self._scheduler.cache
        return EngineStats(
            running=len(self._scheduler.running),
            waiting=len(self._scheduler.waiting),
            total_blocks=cache.num_blocks,
            free_blocks=cache.pool.num_free,
            cached_blocks=cache.pool.num_hashed,
            block_size=cache.block_size,
            steps=self._steps,
            prompt_tokens=self._prompt_tokens,
            cached_prompt_tokens=self._cached_tokens,
            generated_tokens=self._generated_tokens,
            preemptions=self._scheduler.num_preemptions,
            drafts=self._scheduler.drafts.num_drafts,
            drafted_tokens=self._scheduler.drafts.num_drafted,
            accepted_tokens=self._scheduler.drafts.num_accepted,
            failed_steps=self._failed_steps,
        )

    def kv_usage(self) -> KVUsage:
        """Who has how much of the KV cache; built when it is asked for, never in a step."""
        return self._scheduler.kv_usage()
