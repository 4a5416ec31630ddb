"""The sampler's choices: greedy, distributions, independence of rows, bad logits."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from serving.errors import GenerationFailed
from serving.request import Likeliest
from serving.sampling import Sampler, SampleRow, SequenceSampling
from serving.sampling.draw import _STRIDE, _mix, draw, seeded_uniform
from serving.sampling_params import SamplingParams

VOCAB = 12
DRAWS = 20_000


def row(outputs: Sequence[int] = (), prompt: Sequence[int] = (0,), **params: Any) -> SampleRow:
    return SampleRow(SequenceSampling(SamplingParams(**params), list(prompt)), list(outputs))


def some_logits(rows: int, vocab: int = VOCAB, seed: int = 0, scale: float = 2.0) -> Tensor:
    return torch.randn(rows, vocab, generator=torch.Generator().manual_seed(seed)) * scale


def chosen(sampler: Sampler, logits: Tensor, rows: Sequence[SampleRow]) -> list[int]:
    return [token.token_id for token in sampler.sample(logits, rows)]


def assert_fits(counts: Counter[int], expected: Tensor) -> None:
    """Pearson's chi-square test at about five standard deviations; impossible tokens never come."""
    total = sum(counts.values())
    possible = [token for token in range(len(expected)) if expected[token] > 0]
    assert set(counts) <= set(possible)
    statistic = sum(
        (counts[token] - total * float(expected[token])) ** 2 / (total * float(expected[token]))
        for token in possible
    )
    freedom = len(possible) - 1
    assert statistic < freedom + 5 * (2 * freedom) ** 0.5 + 10


@pytest.fixture
def sampler() -> Sampler:
    return Sampler(random.Random(7))


# Greedy


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_greedy_rows_take_the_likeliest_token(sampler: Sampler, dtype: torch.dtype) -> None:
    logits = some_logits(5, 500).to(dtype)

    tokens = chosen(sampler, logits, [row(temperature=0.0) for _ in range(5)])

    assert tokens == logits.float().argmax(dim=-1).tolist()


def test_greedy_takes_the_lowest_id_among_equals(sampler: Sampler) -> None:
    logits = torch.zeros(3, 40_000)
    logits[:, [123, 77, 39_999]] = 1.0

    assert chosen(sampler, logits, [row(temperature=0.0) for _ in range(3)]) == [77] * 3


def test_what_the_model_found_is_taken_where_raw_logits_decide(sampler: Sampler) -> None:
    logits = some_logits(2, 500)
    found = Likeliest([9.0, 9.0, 9.0], [7, 8, 9])  # of one more row, which nobody samples
    greedy = [row(temperature=0.0) for _ in range(2)]

    assert [token.token_id for token in sampler.sample(logits, greedy, found)] == [7, 8]

    penalised = [row(temperature=0.0), row(temperature=0.0, logit_bias={3: 100.0})]
    ids = [token.token_id for token in sampler.sample(logits, penalised, found)]
    assert ids == [int(logits[0].argmax()), 3]


def test_a_peak_that_is_no_number_is_told_of(sampler: Sampler) -> None:
    found = Likeliest([1.0, float("nan")], [7, 8])
    with pytest.raises(GenerationFailed, match="not finite"):
        sampler.sample(some_logits(2, 500), [row(temperature=0.0) for _ in range(2)], found)


def test_greedy_beside_random_rows_is_still_greedy(sampler: Sampler) -> None:
    logits = some_logits(3, 500)
    rows = [row(temperature=1.0), row(temperature=0.0), row(temperature=5.0, seed=1)]

    assert chosen(sampler, logits, rows)[1] == int(logits[1].argmax())


def test_logits_are_left_as_they_were(sampler: Sampler) -> None:
    logits = some_logits(4)
    before = logits.clone()
    everything = row(
        temperature=0.5, top_k=3, top_p=0.5, min_p=0.1, repetition_penalty=2.0, logprobs=2,
        logit_bias={1: -100.0},
    )  # fmt: skip

    sampler.sample(logits, [everything, row(temperature=0.0), row(seed=3), row(top_p=0.2)])

    assert torch.equal(logits, before)


# Distributions


def allowed_top_k(probs: Tensor, k: int) -> Tensor:
    return probs >= probs.sort(descending=True).values[min(k, len(probs)) - 1]


def allowed_top_p(probs: Tensor, p: float) -> Tensor:
    """The likeliest tokens up to and with the one at which their mass reaches p."""
    keep = torch.zeros(len(probs), dtype=torch.bool)
    mass = 0.0
    for token in probs.argsort(descending=True).tolist():
        if mass >= p:
            break
        keep[token] = True
        mass += float(probs[token])
    return keep


def renormalised(probs: Tensor, keep: Tensor) -> Tensor:
    kept = torch.where(keep, probs, 0.0)
    return kept / kept.sum()


def expected_distribution(logits: Tensor, params: SamplingParams) -> Tensor:
    """The order of the steps, written plainly for one row."""
    probs = (logits.double() / params.temperature).softmax(dim=-1)
    probs = renormalised(probs, probs >= params.min_p * probs.max())
    if params.top_k:
        probs = renormalised(probs, allowed_top_k(probs, params.top_k))
    return renormalised(probs, allowed_top_p(probs, params.top_p))


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"temperature": 0.5},
        {"temperature": 2.5},
        {"top_k": 1},
        {"top_k": 5},
        {"top_k": 1000},
        {"top_p": 0.6},
        {"top_p": 1e-9},
        {"min_p": 0.2},
        {"min_p": 1.0},
        {"temperature": 1.7, "top_k": 9, "top_p": 0.9, "min_p": 0.05},
    ],
    ids=str,
)
def test_draws_follow_the_distribution(sampler: Sampler, params: dict[str, Any]) -> None:
    logits = some_logits(1)
    counts = Counter(chosen(sampler, logits.expand(DRAWS, -1), [row(**params)] * DRAWS))

    assert_fits(counts, expected_distribution(logits[0], SamplingParams(**params)))


def test_seeded_draws_follow_the_distribution_along_one_sequence(sampler: Sampler) -> None:
    logits = some_logits(1)
    state = SequenceSampling(SamplingParams(seed=5), [0])
    rows = [SampleRow(state, range(length)) for length in range(DRAWS)]

    counts = Counter(chosen(sampler, logits.expand(DRAWS, -1), rows))

    assert_fits(counts, logits[0].softmax(dim=-1))


def test_seeded_draws_follow_the_distribution_across_neighbouring_seeds(sampler: Sampler) -> None:
    logits = some_logits(1)
    rows = [row(seed=seed) for seed in range(-DRAWS // 2, DRAWS // 2)]

    counts = Counter(chosen(sampler, logits.expand(DRAWS, -1), rows))

    assert_fits(counts, logits[0].softmax(dim=-1))


def test_neighbouring_positions_are_independent() -> None:
    numbers = [seeded_uniform(3, position) for position in range(DRAWS)]
    pairs = Counter(
        4 * int(4 * a) + int(4 * b) for a, b in zip(numbers[::2], numbers[1::2], strict=True)
    )

    assert_fits(pairs, torch.full((16,), 1 / 16))


@pytest.mark.parametrize("uniform", [0.0, 0.25, 0.5, 1.0 - 2.0**-53])
def test_a_banned_token_is_never_drawn_whatever_the_number(uniform: float) -> None:
    logits = torch.full((1, 7), -torch.inf)
    logits[0, [2, 4]] = 1.0

    assert int(draw(logits, [uniform])) in {2, 4}


@pytest.mark.parametrize("temperature", [1e-6, 1e-30, 1e-300])
def test_a_tiny_temperature_is_greedy_and_does_not_overflow(
    sampler: Sampler, temperature: float
) -> None:
    logits = some_logits(4, 300, scale=50.0)

    tokens = chosen(sampler, logits, [row(temperature=temperature, seed=i) for i in range(4)])

    assert tokens == logits.argmax(dim=-1).tolist()


def test_requests_without_seed_differ_from_one_another() -> None:
    logits = torch.zeros(64, 50_000)
    rows = [row() for _ in range(64)]

    tokens = [*chosen(Sampler(), logits, rows), *chosen(Sampler(), logits, rows)]

    assert len(set(tokens)) > 100


# Independence: same request, same seed, same token, wherever it runs

PARAMS = st.fixed_dictionaries(
    {
        "temperature": st.sampled_from([0.0, 0.3, 1.0, 1.9]),
        "top_k": st.sampled_from([0, 1, 4, 20]),
        "top_p": st.sampled_from([0.1, 0.9, 1.0]),
        "min_p": st.sampled_from([0.0, 0.1]),
        "repetition_penalty": st.sampled_from([1.0, 1.3]),
        "frequency_penalty": st.sampled_from([0.0, 0.7]),
        "logit_bias": st.sampled_from([{}, {3: 5.0, 8: -100.0}]),
        "logprobs": st.sampled_from([None, 0, 3]),
        "seed": st.integers(-(2**63), 2**63 - 1),
    }
)
REQUESTS = st.lists(st.tuples(PARAMS, st.lists(st.integers(0, 29), max_size=6)), max_size=6)


@settings(max_examples=60, deadline=None)
@given(request=PARAMS, others=REQUESTS, place=st.integers(0, 6), outputs=st.integers(0, 5))
def test_a_seeded_request_gets_the_same_tokens_in_any_company(
    request: dict[str, Any],
    others: list[tuple[dict[str, Any], list[int]]],
    place: int,
    outputs: int,
) -> None:
    own = some_logits(1, 30, seed=outputs)
    history = list(range(outputs))
    alone = Sampler().sample(own, [row(history, **request)])[0]

    rows = [row(history, **params) for params, history in others]
    place = min(place, len(rows))
    rows.insert(place, row(history, **request))
    logits = some_logits(len(rows), 30, seed=99)
    logits[place] = own
    together = Sampler().sample(logits, rows)[place]

    assert together.token_id == alone.token_id
    assert (together.logprobs is None) == (request["logprobs"] is None)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(-(2**63), 2**63 - 1), preempted_at=st.integers(0, 12))
def test_a_preempted_sequence_goes_on_with_the_same_tokens(seed: int, preempted_at: int) -> None:
    """Its state may be made anew from the outputs it has."""
    params: dict[str, Any] = {"seed": seed, "repetition_penalty": 1.2, "presence_penalty": 0.5}

    def generate(restart: int | None) -> list[int]:
        sampler = Sampler()
        current = row(**params)
        outputs: list[int] = []
        for step in range(12):
            if step == restart:
                sampler, current = Sampler(), row(**params)
            step_row = SampleRow(current.state, outputs)
            outputs = [*outputs, *chosen(sampler, some_logits(1, 40, seed=step), [step_row])]
        return outputs

    assert generate(preempted_at) == generate(None)


def test_a_large_vocabulary_gives_each_row_what_it_gets_alone() -> None:
    """Kernels may split long rows or many rows differently; a seed must not notice."""
    logits = some_logits(8, 49_152)
    rows = [
        row(seed=seed, top_p=[1.0, 0.9][seed % 2], top_k=[0, 40][seed // 4]) for seed in range(8)
    ]

    together = chosen(Sampler(), logits, rows)

    assert together == [chosen(Sampler(), logits[i : i + 1], rows[i : i + 1])[0] for i in range(8)]


def test_the_numbers_of_a_seed_never_change() -> None:
    """They are splitmix64's, of which 0xE220... is the published first word for seed 0."""
    assert _mix(_STRIDE) == 0xE220A8397B1DCDAF
    assert seeded_uniform(42, 0) == 0.34329192209867343
    assert seeded_uniform(42, 1) == 0.9557467261317436


# Bad input


@pytest.mark.parametrize("params", [{"temperature": 0.0}, {"temperature": 1.0}, {"logprobs": 1}])
@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_logits_that_are_not_numbers_fail_the_step(
    sampler: Sampler, params: dict[str, Any], value: float
) -> None:
    logits = some_logits(2)
    logits[1, 3] = value

    with pytest.raises(GenerationFailed, match="not finite"):
        sampler.sample(logits, [row(**params), row(**params)])


def test_tokens_that_the_model_bans_do_not_fail_it(sampler: Sampler) -> None:
    logits = torch.full((2, 8), -torch.inf)
    logits[:, 5] = 0.5

    assert chosen(sampler, logits, [row(temperature=0.0), row(top_p=0.9, top_k=3)]) == [5, 5]


def test_rows_must_match_logits(sampler: Sampler) -> None:
    with pytest.raises(ValueError, match="1 rows do not fit"):
        sampler.sample(some_logits(2), [row()])


def test_no_rows_give_no_tokens(sampler: Sampler) -> None:
    assert sampler.sample(torch.zeros(0, VOCAB), []) == []
