"""What the sampler knows of each sequence, and the record that hands it a row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from serving.sampling.penalties import BiasTable, TokenCounts
from serving.sampling_params import SamplingParams


class SequenceSampling:
    """Sampling state of one sequence, made once and handed in again at every step.

    It holds nothing that depends on the steps taken: counts are brought up to date from the
    output tokens themselves, and the random draw is a function of (seed, position). So a
    sequence that was preempted, or whose state is made anew, goes on with the same tokens.
    """

    __slots__ = ("bias", "counts", "params", "takes_argmax_of_raw")

    def __init__(self, params: SamplingParams, prompt_token_ids: Sequence[int]) -> None:
        self.params = params
        self.bias = BiasTable(params.logit_bias) if params.logit_bias else None
        self.counts = TokenCounts(params, prompt_token_ids) if params.has_penalties else None
        self.takes_argmax_of_raw = (
            params.is_greedy
            and params.logprobs is None
            and self.bias is None
            and self.counts is None
        )


class SampleRow(NamedTuple):
    """One row of logits: whose it is, and the tokens which that sequence has generated so far.

    `drafted` are guessed tokens behind them, which this row takes to be true.
    """

    state: SequenceSampling
    output_token_ids: Sequence[int]
    drafted: Sequence[int] = ()

    @property
    def params(self) -> SamplingParams:
        """The request's settings."""
        return self.state.params

    @property
    def position(self) -> int:
        """Of the token that the row chooses, in the output."""
        return len(self.output_token_ids) + len(self.drafted)
