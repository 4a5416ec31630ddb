"""Logit bias and penalties: the changes to logits that differ from row to row.

Both touch few entries of a row, so they are kept as sparse lists on the host, gathered for all
rows of the step, and applied by one indexed read and one indexed write on the device.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from serving.sampling_params import SamplingParams

FORCING_BIAS = 100.0
"""The API's bounds of a bias; at them a token is banned or forced."""

FORCED_SHIFT = 10_000.0
"""What a bias of +-100 adds: beyond any model's range of logits, yet finite, so that a request
which bans the whole vocabulary still has a distribution."""

_FIRST_CAPACITY = 64


class Penalties(Protocol):
    """What a row's logits lose: `TokenCounts` now, or as they were in a `Snapshot`."""

    @property
    def token_ids(self) -> Tensor:
        """Distinct tokens that a penalty may touch, int64 [K]."""

    @property
    def factors(self) -> Tensor:
        """The repetition penalty of each of `token_ids`, float32 [K]."""

    @property
    def subtrahends(self) -> Tensor:
        """What presence and frequency take from each of `token_ids`, float32 [K]."""


@dataclass(frozen=True)
class Snapshot:
    """Penalties at one moment; see `Penalties`."""

    token_ids: Tensor
    factors: Tensor
    subtrahends: Tensor


class BiasTable:
    """One request's logit bias as two tensors on the host."""

    __slots__ = ("shifts", "token_ids")

    def __init__(self, logit_bias: Mapping[int, float]) -> None:
        self.token_ids = torch.tensor(list(logit_bias.keys()), dtype=torch.int64)
        shifts = torch.tensor(list(logit_bias.values()), dtype=torch.float32)
        forcing = shifts.abs() >= FORCING_BIAS
        self.shifts = torch.where(forcing, shifts.sign() * FORCED_SHIFT, shifts)


class TokenCounts:
    """How often each token has been generated, for one request with penalties.

    Slot s holds token `ids[s]`, generated `counts[s]` times. Tokens of the prompt have slots
    (with count 0) only where the repetition penalty needs them. `update` costs O(new tokens).
    """

    __slots__ = ("_counts", "_ids", "_params", "_prompt", "_seen", "_slots")

    def __init__(self, params: SamplingParams, prompt_token_ids: Sequence[int]) -> None:
        self._params = params
        counts_prompt = params.repetition_penalty != 1.0
        self._prompt = list(dict.fromkeys(prompt_token_ids)) if counts_prompt else []
        self._reset()

    def _reset(self) -> None:
        capacity = max(_FIRST_CAPACITY, 2 * len(self._prompt))
        self._ids = torch.zeros(capacity, dtype=torch.int64)
        self._ids[: len(self._prompt)] = torch.tensor(self._prompt, dtype=torch.int64)
        self._counts = torch.zeros(capacity, dtype=torch.float32)
        self._slots = {token_id: slot for slot, token_id in enumerate(self._prompt)}
        self._seen = 0

    def update(self, output_token_ids: Sequence[int]) -> None:
        """Count the tokens generated since the last call; start over where some were taken back."""
        if len(output_token_ids) < self._seen:
            self._reset()
        for token_id in output_token_ids[self._seen :]:
            self._add(token_id)
        self._seen = len(output_token_ids)

    def after(self, drafted: Sequence[int]) -> Snapshot:
        """The penalties as if `drafted` had been generated, too; nothing is counted for good."""
        for token_id in drafted:
            self._add(token_id)
        snapshot = Snapshot(self.token_ids.clone(), self.factors, self.subtrahends)
        for token_id in reversed(drafted):
            self._take_back(token_id)
        return snapshot

    def _add(self, token_id: int) -> None:
        slot = self._slots.setdefault(token_id, len(self._slots))
        if slot == len(self._ids):
            self._grow()
        self._ids[slot] = token_id
        self._counts[slot] += 1

    def _take_back(self, token_id: int) -> None:
        """Undo the latest `_add`; a slot that it made goes, too."""
        slot = self._slots[token_id]
        self._counts[slot] -= 1
        if not self._counts[slot] and slot >= len(self._prompt):
            del self._slots[token_id]

    def _grow(self) -> None:
        self._ids = torch.cat([self._ids, torch.zeros_like(self._ids)])
        self._counts = torch.cat([self._counts, torch.zeros_like(self._counts)])

    @property
    def token_ids(self) -> Tensor:
        """Distinct tokens that a penalty may touch, int64 [K]."""
        return self._ids[: len(self._slots)]

    @property
    def factors(self) -> Tensor:
        """The repetition penalty of each of `token_ids`, float32 [K]."""
        return torch.full((len(self._slots),), self._params.repetition_penalty)

    @property
    def subtrahends(self) -> Tensor:
        """What presence and frequency take from each of `token_ids`, float32 [K]."""
        counts = self._counts[: len(self._slots)]
        params = self._params
        return params.frequency_penalty * counts + params.presence_penalty * (counts > 0)


def apply_bias(logits: Tensor, tables: Sequence[tuple[int, BiasTable]]) -> None:
    """Add each (row, table) to `logits` [B, V] in place; ids beyond the vocabulary do nothing."""
    rows, columns = _coordinates(logits, [(row, table.token_ids) for row, table in tables])
    shifts = torch.cat([table.shifts for _, table in tables])
    known = columns < logits.shape[-1]
    rows, columns, shifts = (_to(logits, part[known]) for part in (rows, columns, shifts))
    logits[rows, columns] += shifts


def apply_penalties(logits: Tensor, tables: Sequence[tuple[int, Penalties]]) -> None:
    """Lower in `logits` [B, V], in place, what each (row, counts) has seen already.

    Repetition divides positive and multiplies negative logits; then frequency times the count,
    and presence once, are subtracted.
    """
    rows, columns = _coordinates(logits, [(row, table.token_ids) for row, table in tables])
    factors = torch.cat([table.factors for _, table in tables])
    less = torch.cat([table.subtrahends for _, table in tables])
    rows, columns, factors, less = (_to(logits, part) for part in (rows, columns, factors, less))
    values = logits[rows, columns]
    values = torch.where(values > 0, values / factors, values * factors)
    logits[rows, columns] = values - less


def _coordinates(logits: Tensor, entries: Sequence[tuple[int, Tensor]]) -> tuple[Tensor, Tensor]:
    """Row and column indices, on the host, of every (row, token ids)."""
    lengths = torch.tensor([len(ids) for _, ids in entries])
    rows = torch.tensor([row for row, _ in entries]).repeat_interleave(lengths)
    return rows, torch.cat([ids for _, ids in entries])


def _to(logits: Tensor, part: Tensor) -> Tensor:
    return part.to(logits.device, non_blocking=True)
