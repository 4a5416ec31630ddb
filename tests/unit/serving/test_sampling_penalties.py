"""Bias and penalties against their plain definitions."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from serving.sampling import Sampler, SampleRow, SequenceSampling
from serving.sampling.penalties import BiasTable, TokenCounts, apply_bias, apply_penalties
from serving.sampling_params import SamplingParams

VOCAB = 50
TOKENS = st.lists(st.integers(0, VOCAB - 1), max_size=200)
PENALTIES = st.fixed_dictionaries(
    {
        "repetition_penalty": st.sampled_from([0.5, 1.0, 1.3]),
        "presence_penalty": st.sampled_from([-2.0, 0.0, 0.5]),
        "frequency_penalty": st.sampled_from([-0.3, 0.0, 1.5]),
    }
)


def some_logits(rows: int) -> Tensor:
    return torch.randn(rows, VOCAB, generator=torch.Generator().manual_seed(3)) * 4


def penalised(
    logits: Tensor, params: SamplingParams, prompt: list[int], outputs: list[int]
) -> list[float]:
    """One row, token by token."""
    counts = Counter(outputs)
    values = logits.tolist()
    for token in range(VOCAB):
        if token in prompt or token in counts:
            factor = params.repetition_penalty
            values[token] = values[token] / factor if values[token] > 0 else values[token] * factor
        values[token] -= params.frequency_penalty * counts[token]
        values[token] -= params.presence_penalty * (counts[token] > 0)
    return values


@settings(max_examples=100, deadline=None)
@given(requests=st.lists(st.tuples(PENALTIES, TOKENS, TOKENS), min_size=1, max_size=4))
def test_penalties_of_a_batch_are_those_of_each_row(
    requests: list[tuple[dict[str, Any], list[int], list[int]]],
) -> None:
    logits = some_logits(len(requests))
    expected = [
        penalised(logits[place], SamplingParams(**penalties), prompt, outputs)
        for place, (penalties, prompt, outputs) in enumerate(requests)
    ]
    tables = []
    for place, (penalties, prompt, outputs) in enumerate(requests):
        counts = TokenCounts(SamplingParams(**penalties), prompt)
        counts.update(outputs)
        tables.append((place, counts))

    apply_penalties(logits, tables)

    torch.testing.assert_close(logits, torch.tensor(expected))


@settings(max_examples=60, deadline=None)
@given(outputs=TOKENS, sizes=st.lists(st.integers(0, 200), min_size=1, max_size=6))
def test_counts_follow_the_outputs_forward_and_back(outputs: list[int], sizes: list[int]) -> None:
    """Longer by any number of tokens, or shorter after some were taken back."""
    params = SamplingParams(frequency_penalty=1.0, repetition_penalty=1.1)
    counts = TokenCounts(params, [1, 2, 1])
    for size in sizes:
        counts.update(outputs[:size])

    less = dict(zip(counts.token_ids.tolist(), counts.subtrahends.tolist(), strict=True))
    assert less == {1: 0.0, 2: 0.0} | {k: float(v) for k, v in Counter(outputs[:size]).items()}


def test_presence_and_frequency_leave_the_prompt_alone() -> None:
    logits = some_logits(1)
    before = logits.clone()
    counts = TokenCounts(SamplingParams(presence_penalty=2.0, frequency_penalty=2.0), [1, 2, 3])
    counts.update([])

    apply_penalties(logits, [(0, counts)])

    assert torch.equal(logits, before)


@pytest.mark.parametrize("temperature", [0.0, 1.0, 2.0])
def test_a_bias_of_100_forces_and_of_minus_100_bans_whatever_the_range(temperature: float) -> None:
    logits = torch.zeros(200, VOCAB)
    logits[:, 4] = 500.0
    params = SamplingParams(temperature=temperature, logit_bias={7: 100.0, 4: -100.0})
    state = SequenceSampling(params, [0])

    tokens = Sampler().sample(logits, [SampleRow(state, [])] * 200)

    assert {token.token_id for token in tokens} == {7}


def test_among_several_forced_tokens_the_model_decides() -> None:
    logits = torch.zeros(1, VOCAB)
    logits[0, [7, 8]] = torch.tensor([1.0, 2.0])
    params = SamplingParams(temperature=0.0, logit_bias={7: 100.0, 8: 100.0})

    token = Sampler().sample(logits, [SampleRow(SequenceSampling(params, [0]), [])])[0]

    assert token.token_id == 8


def test_a_request_that_bans_everything_still_gets_a_token() -> None:
    params = SamplingParams(seed=1, logit_bias=dict.fromkeys(range(VOCAB), -100.0))

    token = Sampler().sample(some_logits(1), [SampleRow(SequenceSampling(params, [0]), [])])[0]

    assert 0 <= token.token_id < VOCAB


def test_small_biases_are_added_and_unknown_ids_do_nothing() -> None:
    logits = some_logits(2)
    expected = logits.clone()
    expected[1, 3] += 2.5
    expected[1, 9] -= 99.0

    apply_bias(logits, [(1, BiasTable({3: 2.5, 9: -99.0, VOCAB: 5.0, 10**12: 5.0}))])

    torch.testing.assert_close(logits, expected)


@settings(max_examples=60, deadline=None)
@given(penalties=PENALTIES, prompt=TOKENS, outputs=TOKENS, drafted=TOKENS)
def test_drafted_tokens_count_for_their_own_row_and_for_no_other(
    penalties: dict[str, Any], prompt: list[int], outputs: list[int], drafted: list[int]
) -> None:
    """Rows behind 0, 1, 2, ... drafted tokens are those of as many generated ones."""
    params = SamplingParams(temperature=0.0, logprobs=0, **penalties)
    drafted = drafted[:6]
    state = SequenceSampling(params, prompt)
    rows = [SampleRow(state, outputs, drafted[:count]) for count in range(len(drafted) + 1)]
    logits = some_logits(len(rows))

    together = Sampler().sample(logits, rows)
    backwards = Sampler().sample(logits.flip(0), rows[::-1])[::-1]

    for count, row in enumerate(logits):
        fresh = SequenceSampling(params, prompt)
        alone = SampleRow(fresh, [*outputs, *drafted[:count]])
        expected = Sampler().sample(row[None], [alone])
        assert [together[count]] == [backwards[count]] == expected


@pytest.mark.parametrize("drafted", [0, 1, 5])
def test_a_seeded_draw_depends_on_the_position_alone(drafted: int) -> None:
    state = SequenceSampling(SamplingParams(seed=4), [0])
    logits = some_logits(1)
    outputs = list(range(9))
    row = SampleRow(state, outputs[: 9 - drafted], outputs[9 - drafted :])
    whole = SampleRow(state, outputs)
    assert Sampler().sample(logits, [row]) == Sampler().sample(logits, [whole])
