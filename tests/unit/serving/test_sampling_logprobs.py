"""Logprobs: of the raw logits, ranked, fit for JSON."""

from __future__ import annotations

import json

import pytest
import torch

from serving.request import PositionLogprobs
from serving.sampling import Sampler, SampleRow, SequenceSampling
from serving.sampling.logprobs import LOWEST_LOGPROB, position_logprobs
from serving.sampling_params import SamplingParams


def sample_one(logits: torch.Tensor, params: SamplingParams) -> PositionLogprobs | None:
    state = SequenceSampling(params, [0])
    return Sampler().sample(logits, [SampleRow(state, [])])[0].logprobs


@pytest.mark.parametrize("temperature", [0.0, 0.7])
def test_they_are_those_of_the_model_before_any_setting_of_the_request(temperature: float) -> None:
    logits = torch.tensor([[1.0, 3.0, 2.0, -1.0]])
    raw = logits.log_softmax(dim=-1)[0].tolist()
    params = SamplingParams(temperature=temperature, logit_bias={3: 100.0}, top_k=1, logprobs=2)

    entry = sample_one(logits, params)

    assert entry is not None
    told = [entry.chosen, *entry.top]
    assert [(it.token_id, it.rank) for it in told] == [(3, 4), (1, 1), (2, 2)]
    assert [it.logprob for it in told] == pytest.approx([raw[3], raw[1], raw[2]])


def test_zero_alternatives_give_only_the_chosen_token() -> None:
    entry = sample_one(torch.tensor([[1.0, 3.0]]), SamplingParams(temperature=0.0, logprobs=0))

    assert entry is not None
    assert entry.chosen.token_id == 1
    assert entry.top == []


def test_each_row_gets_as_many_as_it_wants() -> None:
    entries = position_logprobs(torch.randn(3, 30), [1, 2, 3], [0, 20, 5])

    assert [len(entry.top) for entry in entries] == [0, 20, 5]


def test_a_vocabulary_smaller_than_the_wish_is_listed_whole() -> None:
    entries = position_logprobs(torch.randn(1, 3), [0], [20])

    assert sorted(entry.token_id for entry in entries[0].top) == [0, 1, 2]


def test_equals_share_a_rank_and_are_listed_by_id() -> None:
    entry = position_logprobs(torch.tensor([[1.0, 5.0, 2.0, 2.0, 2.0]]), [3], [5])[0]

    assert entry.chosen.rank == 2
    assert [(it.token_id, it.rank) for it in entry.top] == [(1, 1), (2, 2), (3, 2), (4, 2), (0, 5)]


def test_minus_infinity_becomes_a_number_that_json_can_hold() -> None:
    entry = position_logprobs(torch.tensor([[0.0, -torch.inf]]), [1], [2])[0]

    assert entry.chosen.logprob == entry.top[1].logprob == LOWEST_LOGPROB
    json.dumps([entry.chosen.logprob, *(it.logprob for it in entry.top)], allow_nan=False)


def test_only_rows_that_ask_get_them() -> None:
    rows = [
        SampleRow(SequenceSampling(SamplingParams(temperature=0.0, logprobs=wanted), [0]), [])
        for wanted in (None, 1, None)
    ]

    tokens = Sampler().sample(torch.randn(3, 10), rows)

    assert [token.logprobs is not None for token in tokens] == [False, True, False]
