"""Executes one scheduled step: pack, forward, sample, score."""

from __future__ import annotations

import torch
from torch import Tensor

from serving.request import SampledToken
from serving.runner.interface import DeviceLost, StepModel
from serving.runner.scoring import score, scored_rows
from serving.sampling import Sampler, SampleRow, SequenceSampling
from serving.scheduler.output import RunnerOutput, ScheduledChunk, SchedulerOutput


class ModelRunner:
    """The runner of the paged engine. Keeps the sampling state of live sequences."""

    def __init__(self, model: StepModel, sampler: Sampler) -> None:
        self._model = model
        self._sampler = sampler
        self._states: dict[str, SequenceSampling] = {}

    @torch.inference_mode()
    def execute(self, work: SchedulerOutput) -> RunnerOutput:
        """See serving.runner.interface.Runner."""
        for request_id in work.finished_ids:
            self._states.pop(request_id, None)
        if not work.chunks:
            return RunnerOutput(sampled={})
        sampling, rows = self._last_rows(work.chunks)
        rows_and_scored = rows + scored_rows(work.chunks)
        try:
            # Without a row to sample, one is computed all the same: models expect at least one.
            logits = self._model.forward(work.chunks, rows_and_scored or [0])
            tokens = self._sample(logits[: len(rows)], sampling)
            scores = score(work.chunks, logits[len(rows) :])
        except torch.AcceleratorError as error:
            raise DeviceLost(str(error)) from error
        named = zip((chunk.request_id for chunk in sampling), tokens, strict=True)
        return RunnerOutput(sampled=dict(named), prompt_logprobs=scores)

    def _sample(self, logits: Tensor, sampling: list[ScheduledChunk]) -> list[SampledToken]:
        if not sampling:
            return []
        return self._sampler.sample(logits, [self._row(chunk) for chunk in sampling])

    def _last_rows(self, chunks: list[ScheduledChunk]) -> tuple[list[ScheduledChunk], list[int]]:
        """Chunks that sample, and the packed row of each one's last token."""
        sampling: list[ScheduledChunk] = []
        rows: list[int] = []
        end = 0
        for chunk in chunks:
            end += len(chunk.token_ids)
            if chunk.samples:
                sampling.append(chunk)
                rows.append(end - 1)
        return sampling, rows

    def _row(self, chunk: ScheduledChunk) -> SampleRow:
        state = self._states.get(chunk.request_id)
        if state is None:
            state = SequenceSampling(chunk.sampling, chunk.prompt_token_ids)
            self._states[chunk.request_id] = state
        return SampleRow(state, chunk.output_token_ids)
