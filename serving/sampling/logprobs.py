"""Log-probabilities of the chosen token and of the likeliest ones, from the raw logits."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from serving.errors import GenerationFailed
from serving.request import PositionLogprobs, TokenLogprob

LOWEST_LOGPROB = -9999.0
"""Stands for minus infinity, which JSON cannot hold."""

_SLICE = 64
"""Rows of a prompt at a time: the working copies of logits stay small."""


def position_logprobs(
    logits: Tensor, chosen: Sequence[int], top: Sequence[int]
) -> list[PositionLogprobs]:
    """One entry a row of `logits` [R, V], before bias, penalties and temperature.

    Args:
        logits: what the model gave, float32.
        chosen: the sampled token of each row.
        top: how many alternatives each row wants.

    Returns:
        Ranks are 1 + the number of strictly likelier tokens: equals share a rank. Equals are
        listed by token id; the chosen token may be among the alternatives.
    """
    logprobs = logits.log_softmax(dim=-1)
    ids = torch.tensor(chosen, device=logits.device).unsqueeze(-1)
    of_chosen = logprobs.gather(-1, ids)
    ranks = (logprobs > of_chosen).sum(dim=-1) + 1
    width = min(max(top), logits.shape[-1])
    values, indices = logprobs.topk(width, dim=-1)
    columns = zip(
        chosen, of_chosen.squeeze(-1).tolist(), ranks.tolist(), values.tolist(), indices.tolist(),
        top, strict=True,
    )  # fmt: skip
    return [
        PositionLogprobs(
            chosen=TokenLogprob(token_id, max(logprob, LOWEST_LOGPROB), rank),
            top=_ranked(likeliest[:count], candidates[:count]),
        )
        for token_id, logprob, rank, likeliest, candidates, count in columns
    ]


def prompt_logprobs(logits: Tensor, tokens: Sequence[int], top: int) -> list[PositionLogprobs]:
    """One entry a row of `logits` [R, V] in any float type, for the token that came next.

    Raises:
        GenerationFailed: the model gave NaN.
    """
    entries: list[PositionLogprobs] = []
    for start in range(0, len(tokens), _SLICE):
        part = tokens[start : start + _SLICE]
        rows = logits[start : start + _SLICE].float()
        entries.extend(position_logprobs(rows, part, [top] * len(part)))
    if any(math.isnan(entry.chosen.logprob) for entry in entries):
        raise GenerationFailed("the model's logits are not finite numbers; try a wider dtype")
    return entries


def _ranked(logprobs: list[float], token_ids: list[int]) -> list[TokenLogprob]:
    """Entries by falling logprob, then by id; equals share the rank of the first of them."""
    ordered = sorted(zip(logprobs, token_ids, strict=True), key=lambda pair: (-pair[0], pair[1]))
    entries: list[TokenLogprob] = []
    rank = 1
    for place, (logprob, token_id) in enumerate(ordered):
        if place and logprob < ordered[place - 1][0]:
            rank = place + 1
        entries.append(TokenLogprob(token_id, max(logprob, LOWEST_LOGPROB), rank))
    return entries
