"""Log-probabilities of the prompt's own tokens, out of the same forward as everything else."""

from __future__ import annotations

from torch import Tensor

from serving.request import PositionLogprobs
from serving.sampling.logprobs import prompt_logprobs
from serving.scheduler.output import ScheduledChunk

LOGITS_BYTES = 128 * 2**20
"""Memory that the scored rows of one step may take, in float32."""


def score_budget_for(vocab_size: int) -> int:
    """Positions to score in one step, of all sequences together."""
    return max(1, LOGITS_BYTES // (4 * vocab_size))


def scored_rows(chunks: list[ScheduledChunk]) -> list[int]:
    """Packed rows of the positions to score, chunk by chunk."""
    rows: list[int] = []
    first = 0
    for chunk in chunks:
        if chunk.scored:
            rows.extend(first + position - chunk.start for position in chunk.scored)
        first += len(chunk.token_ids)
    return rows


def score(chunks: list[ScheduledChunk], logits: Tensor) -> dict[str, list[PositionLogprobs]]:
    """Log-probabilities of the tokens behind the scored positions, by request id.

    Args:
        chunks: the step's.
        logits: [rows, vocabulary] of `scored_rows`.

    Raises:
        GenerationFailed: the model gave NaN.
    """
    scores: dict[str, list[PositionLogprobs]] = {}
    done = 0
    for chunk in chunks:
        wanted = chunk.sampling.prompt_logprobs
        if not chunk.scored or wanted is None:
            continue
        tokens = [chunk.prompt_token_ids[position + 1] for position in chunk.scored]
        scores[chunk.request_id] = prompt_logprobs(
            logits[done : done + len(tokens)], tokens, wanted
        )
        done += len(tokens)
    return scores
