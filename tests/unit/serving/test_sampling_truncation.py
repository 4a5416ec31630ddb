"""Top-k, top-p and min-p against transformers' own warpers, and by rows."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from transformers import (
    MinPLogitsWarper,
    RepetitionPenaltyLogitsProcessor,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from serving.sampling.penalties import TokenCounts, apply_penalties
from serving.sampling.truncation import NUCLEUS_GUESS, keep_min_p, keep_top_k, keep_top_p
from serving.sampling_params import SamplingParams

VOCAB = 3000
NO_IDS = torch.LongTensor([[]])


def some_logits(rows: int, scale: float, seed: int = 0) -> Tensor:
    return torch.randn(rows, VOCAB, generator=torch.Generator().manual_seed(seed)) * scale


def support(logits: Tensor) -> Tensor:
    return ~torch.isneginf(logits)


@pytest.mark.parametrize("scale", [0.3, 3.0, 12.0])
@pytest.mark.parametrize("k", [1, 2, 50, 2999, 3000, 5000])
def test_top_k_keeps_what_transformers_keeps(scale: float, k: int) -> None:
    logits = some_logits(4, scale)
    theirs = TopKLogitsWarper(k)(NO_IDS, logits.clone())

    keep_top_k(logits, [k] * 4)

    assert torch.equal(logits, theirs)


@pytest.mark.parametrize("scale", [0.3, 3.0, 12.0])
@pytest.mark.parametrize("p", [0.01, 0.5, 0.9, 0.999])
def test_top_p_keeps_what_transformers_keeps(scale: float, p: float) -> None:
    logits = some_logits(4, scale)
    theirs = TopPLogitsWarper(p)(NO_IDS, logits.clone())

    keep_top_p(logits, [p] * 4)

    assert torch.equal(support(logits), support(theirs))


@pytest.mark.parametrize("scale", [0.3, 3.0])
@pytest.mark.parametrize("p", [0.001, 0.1, 0.9])
def test_min_p_keeps_what_transformers_keeps(scale: float, p: float) -> None:
    logits = some_logits(4, scale)
    theirs = MinPLogitsWarper(p)(NO_IDS, logits.clone())

    keep_min_p(logits, [p] * 4)

    assert torch.equal(support(logits), support(theirs))


@pytest.mark.parametrize("penalty", [0.5, 1.1, 3.0])
def test_repetition_penalty_does_what_transformers_does(penalty: float) -> None:
    logits = some_logits(1, 3.0)
    tokens = torch.randint(VOCAB, (1, 200), generator=torch.Generator().manual_seed(1))
    theirs = RepetitionPenaltyLogitsProcessor(penalty)(tokens, logits.clone())
    ids = tokens[0].tolist()

    counts = TokenCounts(SamplingParams(repetition_penalty=penalty), ids[:120])
    counts.update(ids[120:])
    apply_penalties(logits, [(0, counts)])

    torch.testing.assert_close(logits, theirs)


def test_every_row_has_its_own_limits() -> None:
    logits = some_logits(5, 2.0)
    original = logits.clone()
    keep_top_k(logits, [0, 1, 7, 0, 100])
    keep_top_p(logits, [1.0, 1.0, 1.0, 0.5, 0.5])
    keep_min_p(logits, [0.0, 0.0, 0.0, 0.0, 0.9])

    assert torch.equal(logits[0], original[0])
    assert support(logits).sum(dim=-1).tolist()[:3] == [VOCAB, 1, 7]
    for place in (3, 4):
        alone = original[place : place + 1].clone()
        keep_top_k(alone, [[0, 100][place - 3]])
        keep_top_p(alone, [0.5])
        keep_min_p(alone, [[0.0, 0.9][place - 3]])
        assert torch.equal(logits[place], alone[0])


def test_a_nucleus_wider_than_the_first_guess_is_found_whole() -> None:
    """One flat row beside a peaked one: only the flat one needs the full sort."""
    logits = torch.cat([some_logits(1, 0.01), some_logits(1, 12.0)])

    keep_top_p(logits, [0.9, 0.9])

    sizes = support(logits).sum(dim=-1).tolist()
    assert sizes[0] > 0.85 * VOCAB > NUCLEUS_GUESS > sizes[1]


def test_tokens_that_tie_with_the_last_one_kept_are_kept() -> None:
    logits = torch.tensor([[3.0, 1.0, 1.0, 1.0, 0.0]])
    by_rank, by_mass = logits.clone(), logits.clone()

    keep_top_k(by_rank, [2])
    keep_top_p(by_mass, [0.75])

    assert support(by_rank).tolist() == support(by_mass).tolist() == [[True] * 4 + [False]]
