"""One step's token choice for all rows that sample in it."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from serving.errors import GenerationFailed
from serving.request import Likeliest, SampledToken
from serving.sampling.draw import draw, seeded_uniform
from serving.sampling.logprobs import position_logprobs
from serving.sampling.penalties import Snapshot, apply_bias, apply_penalties
from serving.sampling.state import SampleRow
from serving.sampling.truncation import keep_min_p, keep_top_k, keep_top_p

_LEAST_TEMPERATURE = 1e-6
"""Smaller ones mean the same tokens and would only overflow."""


class Sampler:
    """Chooses the next token of every row of logits; rows never influence one another.

    Same request and same seed give the same tokens alone, in any batch and row, and after
    preemption (see `draw.py`). Rows without a seed draw from one generator, which starts from
    the operating system's entropy.
    """

    def __init__(self, rng: random.Random | None = None) -> None:
        self._rng = rng or random.Random()  # noqa: S311 - chooses words, guards no secret

    @torch.inference_mode()
    def sample(
        self, logits: Tensor, rows: Sequence[SampleRow], likeliest: Likeliest | None = None
    ) -> list[SampledToken]:
        """The next token of each row.

        Args:
            logits: what the model gave, [len(rows), V] in any float type; left unchanged.
            rows: whose logits they are, in the same order.
            likeliest: of these logits, where it is known; of more rows, perhaps.

        Raises:
            ValueError: as many rows as logits are needed.
            GenerationFailed: the model gave NaN, or banned every token of a row.
        """
        if logits.dim() != 2 or logits.shape[0] != len(rows):
            raise ValueError(f"{len(rows)} rows do not fit logits of shape {tuple(logits.shape)}")
        if not rows:
            return []
        if all(row.state.takes_argmax_of_raw for row in rows):
            peaks, token_ids = likeliest or _argmax(logits)
            _require_finite(peaks[: len(rows)])
            return [SampledToken(token_id) for token_id in token_ids[: len(rows)]]
        raw = logits.float()
        shaped = _shape(raw, rows)
        peaks, token_ids = _argmax(shaped)
        _require_finite(peaks)
        self._replace_random_rows(token_ids, shaped, rows)
        return _with_logprobs(raw, token_ids, rows)

    def _replace_random_rows(
        self, token_ids: list[int], shaped: Tensor, rows: Sequence[SampleRow]
    ) -> None:
        """Put a drawn token in place of the likeliest one where a row is not greedy."""
        places = [place for place, row in enumerate(rows) if not row.params.is_greedy]
        if not places:
            return
        drawing = [rows[place] for place in places]
        narrowed = _narrow(shaped[torch.tensor(places, device=shaped.device)], drawing)
        drawn = draw(narrowed, [self._uniform(row) for row in drawing]).tolist()
        for place, token_id in zip(places, drawn, strict=True):
            token_ids[place] = token_id

    def _uniform(self, row: SampleRow) -> float:
        if row.params.seed is None:
            return self._rng.random()
        return seeded_uniform(row.params.seed, row.position)


def _argmax(logits: Tensor) -> Likeliest:
    """The likeliest token of each row, the one with the lowest id among equals."""
    if logits.device.type == "cpu":
        return _argmax_on_cpu(logits)
    found, places = logits.max(dim=-1)
    # One transfer for both.
    peaks, token_ids = torch.stack([found.double(), places.double()]).tolist()
    return Likeliest(peaks, [int(token_id) for token_id in token_ids])


def _require_finite(peaks: Sequence[float]) -> None:
    """NaN wins every maximum, so the peaks tell of it without another pass over the logits."""
    if not all(map(math.isfinite, peaks)):
        raise GenerationFailed("the model's logits are not finite numbers; try a wider dtype")


def _argmax_on_cpu(logits: Tensor) -> Likeliest:
    """By numpy, whose kernel uses vectors: a tenth of torch's time, and the same answer."""
    values = logits.float().numpy()
    token_ids = values.argmax(axis=-1)
    peaks = values[np.arange(len(token_ids)), token_ids]
    return Likeliest(peaks.tolist(), token_ids.tolist())


def _shape(raw: Tensor, rows: Sequence[SampleRow]) -> Tensor:
    """Bias and penalties of the rows that have any; `raw` itself where none has."""
    biased = [(place, row.state.bias) for place, row in enumerate(rows) if row.state.bias]
    counted = [(place, row) for place, row in enumerate(rows) if row.state.counts]
    if not biased and not counted:
        return raw
    shaped = raw.clone()
    if biased:
        apply_bias(shaped, biased)
    if counted:
        apply_penalties(shaped, [(place, _penalties(row)) for place, row in counted])
    return shaped


def _penalties(row: SampleRow) -> Snapshot:
    """What the row's sequence has seen, its drafted tokens included."""
    counts = row.state.counts
    if counts is None:
        raise ValueError("the row has no penalties")
    counts.update(row.output_token_ids)
    return counts.after(row.drafted)


def _narrow(logits: Tensor, rows: Sequence[SampleRow]) -> Tensor:
    """Temperature, min-p, top-k and top-p, in place; each only where some row asks for it."""
    heat = torch.tensor(
        [max(row.params.temperature, _LEAST_TEMPERATURE) for row in rows], device=logits.device
    )
    # With the peak at 0 no temperature can overflow.
    logits.sub_(logits.amax(dim=-1, keepdim=True)).div_(heat.unsqueeze(-1))
    if any(row.params.min_p for row in rows):
        keep_min_p(logits, [row.params.min_p for row in rows])
    keep_top_k(logits, [row.params.top_k for row in rows])
    keep_top_p(logits, [row.params.top_p for row in rows])
    return logits


def _with_logprobs(
    raw: Tensor, token_ids: list[int], rows: Sequence[SampleRow]
) -> list[SampledToken]:
    """Attach logprobs of the raw logits where a row wants them."""
    wanted = {
        place: row.params.logprobs
        for place, row in enumerate(rows)
        if row.params.logprobs is not None
    }
    entries = {}
    if wanted:
        places = list(wanted)
        entries = dict(
            zip(
                places,
                position_logprobs(
                    raw[torch.tensor(places, device=raw.device)],
                    [token_ids[place] for place in places],
                    list(wanted.values()),
                ),
                strict=True,
            )
        )
    return [SampledToken(token_id, entries.get(place)) for place, token_id in enumerate(token_ids)]
