"""Behind equal tokens, equal logits: far stricter than an argmax that happens to agree."""

from __future__ import annotations

import random
import statistics
from typing import Any

import pytest
import torch
from torch import Tensor

from serving.request import PositionLogprobs
from tests.parity.drive import engine, greedy, run
from tests.parity.models import PAGED, load
from tests.parity.workload import prompts, random_ids
from tests.parity.zoo import Zoo

TOLERANCE = 2e-3  # of a log-probability; rounding of fp32 alone stays below a tenth of it


def errors(heard: list[PositionLogprobs], logits: Tensor) -> list[float]:
    """Differences of all reported log-probabilities from those of `logits` [positions, V]."""
    logprobs = logits.float().log_softmax(dim=-1)
    assert len(heard) == len(logprobs)
    return [
        abs(entry.logprob - float(row[entry.token_id]))
        for position, row in zip(heard, logprobs, strict=True)
        for entry in [position.chosen, *position.top]
    ]


@pytest.mark.parametrize("attention", ["cpu", "reference"])
@pytest.mark.parametrize("name", PAGED)
def test_log_probabilities_are_those_of_generate(zoo: Zoo, name: str, attention: str) -> None:
    asked = {f"r{i}": prompt for i, prompt in enumerate(prompts(16)[3:8])}
    core, _ = engine(zoo[name].folder, attention=attention, token_budget=23)
    results = run(core, [greedy(rid, prompt, 7, logprobs=20) for rid, prompt in asked.items()])
    for rid, prompt in asked.items():
        expected = zoo[name].oracle.answer(prompt, 7)
        assert results[rid].token_ids == expected.token_ids
        assert max(errors(results[rid].logprobs, expected.logits)) < TOLERANCE


@pytest.mark.parametrize("name", ["llama", "gemma3", "qwen3_moe"])
def test_bfloat16_is_as_near_to_the_truth_as_transformers_own(zoo: Zoo, name: str) -> None:
    """Its tokens may differ by rounding; its logits must not be worse than eager bfloat16.

    Medians, because rounding may send a token to another expert, and then all its logits differ.
    """
    rng = random.Random(6)
    asked = {f"r{i}": random_ids(rng, 20 + 9 * i) for i in range(4)}
    core, info = engine(zoo[name].folder, dtype="bfloat16", token_budget=31)
    assert info.dtype == "bfloat16"
    results = run(core, [greedy(rid, prompt, 8, logprobs=20) for rid, prompt in asked.items()])
    truth, rounded = load(zoo[name].folder), load(zoo[name].folder, dtype=torch.bfloat16)
    ours: list[float] = []
    theirs: list[float] = []
    for rid, prompt in asked.items():
        heard = results[rid]
        exact = forced_logits(truth, prompt, heard.token_ids)
        ours += errors(heard.logprobs, exact)
        theirs += same_entries(
            heard.logprobs, exact, forced_logits(rounded, prompt, heard.token_ids)
        )
    assert statistics.median(ours) < 1.5 * statistics.median(theirs)


@torch.inference_mode()
def forced_logits(model: Any, prompt: list[int], answer: list[int]) -> Tensor:
    """Logits [answer, V] from which each token of a given answer was to be chosen."""
    ids = torch.tensor([[*prompt, *answer[:-1]]])
    logits: Tensor = model(input_ids=ids, use_cache=False).logits[0, len(prompt) - 1 :]
    return logits.float()


def same_entries(heard: list[PositionLogprobs], exact: Tensor, other: Tensor) -> list[float]:
    """Differences between two sets of logits at the tokens that were reported."""
    difference = (exact.log_softmax(-1) - other.log_softmax(-1)).abs()
    return [
        float(row[entry.token_id])
        for position, row in zip(heard, difference, strict=True)
        for entry in [position.chosen, *position.top]
    ]
