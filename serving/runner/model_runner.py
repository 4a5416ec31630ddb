"""Executes one scheduled step: pack, forward, sample, score."""

from __future__ import annotations

import torch
from torch import Tensor

from serving.request import SampledToken
from serving.runner.interface import DeviceLost, StepModel
from serving.runner.scoring import score, scored_rows
from serving.sampling import Sampler, SampleRow, SequenceSampling
from serving.scheduler.output import RunnerOutput, ScheduledChunk, SchedulerOutput
from serving.speculative.verify import accept


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
        sampling, rows = _sampling_rows(work.chunks)
        rows_and_scored = rows + scored_rows(work.chunks)
        try:
            logits = self._model.forward(work.chunks, rows_and_scored)
            tokens = self._sample(logits[: len(rows)], sampling)
            scores = score(work.chunks, logits[len(rows) :])
        except torch.AcceleratorError as error:
            raise DeviceLost(str(error)) from error
        return RunnerOutput(sampled=_by_request(sampling, tokens), prompt_logprobs=scores)

    def _sample(self, logits: Tensor, sampling: list[ScheduledChunk]) -> list[SampledToken]:
        if not sampling:
            return []
        rows: list[SampleRow] = []
        for chunk in sampling:
            self._add_rows(chunk, rows)
        return self._sampler.sample(logits, rows, self._model.likeliest)

    def _add_rows(self, chunk: ScheduledChunk, rows: list[SampleRow]) -> None:
        """One for the token behind each beginning of the drafted ones, the empty one included."""
        state = self._states.get(chunk.request_id)
        if state is None:
            state = SequenceSampling(chunk.sampling, chunk.prompt_token_ids)
            self._states[chunk.request_id] = state
        rows.append(SampleRow(state, chunk.output_token_ids))
        for count in range(1, len(chunk.drafted) + 1):
            rows.append(SampleRow(state, chunk.output_token_ids, chunk.drafted[:count]))


def _sampling_rows(chunks: list[ScheduledChunk]) -> tuple[list[ScheduledChunk], list[int]]:
    """Chunks that sample; packed rows of each one's last token and of its drafted ones."""
    sampling: list[ScheduledChunk] = []
    rows: list[int] = []
    end = 0
    for chunk in chunks:
        end += len(chunk.token_ids)
        if chunk.samples:
            sampling.append(chunk)
            rows.extend(range(end - 1 - len(chunk.drafted), end))
    return sampling, rows


def _by_request(
    sampling: list[ScheduledChunk], tokens: list[SampledToken]
) -> dict[str, list[SampledToken]]:
    """Those of the sampled `tokens` that count."""
    sampled: dict[str, list[SampledToken]] = {}
    first = 0
    for chunk in sampling:
        if chunk.drafted:
            end = first + len(chunk.drafted) + 1
            sampled[chunk.request_id] = accept(chunk.drafted, tokens[first:end])
            first = end
        else:
            sampled[chunk.request_id] = [tokens[first]]
            first += 1
    return sampled
