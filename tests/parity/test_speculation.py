"""Drafts change how many steps an answer takes, and nothing else."""

from __future__ import annotations

import dataclasses
import itertools
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from scipy.stats import chisquare

from cli.default_model import default_model_folder
from serving.engine.core import Core
from serving.request import EngineRequest, FinishReason
from serving.tokenizer import Tokenizer
from tests.parity.drive import Arrival, Result, engine, greedy, run
from tests.parity.models import NATIVE, VOCABULARY
from tests.parity.zoo import Zoo

COUNT = 40
FEW = (11, 23, 42, 97)
ONLY_FEW = {token: -100.0 for token in range(VOCABULARY) if token not in FEW}
"""With four tokens left, any three of them have been seen before: there is always a draft."""

WAYS: dict[str, dict[str, Any]] = {
    "greedy": {},
    "sampled": {"temperature": 1.0, "seed": 1},
    "top_p": {"temperature": 1.5, "top_p": 0.7, "seed": 2},
    "top_k": {"temperature": 1.5, "top_k": 2, "seed": 3},
    "penalties": {"repetition_penalty": 1.2, "frequency_penalty": 0.1, "presence_penalty": 0.2},
    "logprobs": {"logprobs": 3},
    "prompt_logprobs": {"prompt_logprobs": 1, "temperature": 1.0, "seed": 4},
    "stop_token": {"temperature": 3.0, "seed": 5, "stop_token_ids": (FEW[2],), "max_tokens": 99},
}


def prompt(seed: int, length: int = 70) -> list[int]:
    return random.Random(seed).choices(FEW, k=length)


def asked() -> list[EngineRequest]:
    """One request for each way."""
    return [
        greedy(name, prompt(place), **{"count": COUNT, "logit_bias": ONLY_FEW} | renamed(way))
        for place, (name, way) in enumerate(WAYS.items())
    ]


def renamed(way: dict[str, Any]) -> dict[str, Any]:
    return {"count" if key == "max_tokens" else key: value for key, value in way.items()}


def drafting(folder: Path, **settings: Any) -> Core:
    return engine(folder, **{"speculation": "prompt-lookup"} | settings)[0]


def plain(folder: Path, **settings: Any) -> Core:
    return engine(folder, speculation="off", **settings)[0]


def comparable(results: dict[str, Result]) -> dict[str, Any]:
    """All that a caller sees but the way there: cached tokens and preemptions."""
    ways = {"cached_tokens": 0, "preemptions": 0}
    return {name: dataclasses.replace(result, **ways) for name, result in results.items()}


@pytest.mark.parametrize("name", NATIVE)
def test_every_way_of_sampling_gives_the_same_bits(zoo: Zoo, name: str) -> None:
    core = drafting(zoo[name].folder)
    with_drafts = run(core, asked())
    stats = core.stats()
    assert 0 < stats.accepted_tokens < stats.drafted_tokens
    without = run(plain(zoo[name].folder), asked())
    assert comparable(with_drafts) == comparable(without)
    assert without["stop_token"].finish_reason is FinishReason.STOP


@pytest.mark.parametrize("attention", ["cpu", "reference"])
@pytest.mark.parametrize("name", ["llama", "gemma3", "gpt_oss"])
def test_the_modules_of_transformers_give_the_same_tokens(
    zoo: Zoo, name: str, attention: str
) -> None:
    core = drafting(zoo[name].folder, attention=attention)
    with_drafts = run(core, asked())
    assert core.stats().accepted_tokens
    without = run(plain(zoo[name].folder, attention=attention), asked())
    assert tokens(with_drafts) == tokens(without)


def tokens(results: dict[str, Result]) -> dict[str, list[int]]:
    return {name: result.token_ids for name, result in results.items()}


def test_answers_are_the_same_among_preemptions(zoo: Zoo) -> None:
    core = drafting(zoo[NATIVE[0]].folder, cache={"num_blocks": 18, "block_size": 16})
    crowded = run(core, asked())
    assert any(result.preemptions for result in crowded.values())
    assert core.stats().accepted_tokens
    assert comparable(crowded) == comparable(run(plain(zoo[NATIVE[0]].folder), asked()))


def test_a_next_turn_finds_only_what_was_accepted(zoo: Zoo) -> None:
    """Turn by turn on one engine; each is asked of a fresh one, too."""
    core = drafting(zoo[NATIVE[0]].folder)
    history = prompt(1)
    for turn in range(4):
        request = greedy(f"turn{turn}", history, COUNT, logit_bias=ONLY_FEW)
        warm = run(core, [request])[request.request_id]
        cold = run(plain(zoo[NATIVE[0]].folder), [request])[request.request_id]
        assert warm.token_ids == cold.token_ids
        assert warm.cached_tokens >= (len(history) - COUNT // 2 - 1) // 16 * 16 * bool(turn)
        history = [*history, *warm.token_ids, *prompt(turn, 20)]


def test_newcomers_and_drafts_share_the_steps(zoo: Zoo) -> None:
    core = drafting(zoo[NATIVE[0]].folder, token_budget=24, max_num_seqs=5)
    arrivals = [Arrival(request, 3 * place) for place, request in enumerate(asked())]
    together = run(core, arrivals)
    assert core.stats().accepted_tokens
    assert comparable(together) == comparable(run(plain(zoo[NATIVE[0]].folder), asked()))


@pytest.mark.parametrize("sampling", [{}, {"top_p": 0.8}, {"frequency_penalty": 0.5}], ids=str)
def test_unseeded_samples_have_the_models_own_distribution(
    zoo: Zoo, sampling: dict[str, Any]
) -> None:
    """Chi-square of three tokens in a row against what the model says of them, exactly."""
    count, asks = 3, 1500
    ids = prompt(7)
    way = {"temperature": 2.5, "logit_bias": ONLY_FEW} | sampling
    core = drafting(zoo[NATIVE[0]].folder, max_num_seqs=64, token_budget=600)
    results = run(core, [greedy(f"r{i}", ids, count, **way) for i in range(asks)])
    stats = core.stats()
    assert stats.accepted_tokens > asks / 10, "or this says nothing of drafts"
    seen = Counter(tuple(result.token_ids) for result in results.values())
    expected = joint_distribution(zoo[NATIVE[0]].checkpoint.model, ids, count, **way)
    usual = [cell for cell, share in expected.items() if share * asks >= 5]
    observed = [seen[cell] for cell in usual]
    predicted = [expected[cell] * asks for cell in usual]
    rare = asks - sum(predicted)
    if rare > 1:
        observed, predicted = [*observed, asks - sum(observed)], [*predicted, rare]
    assert sum(observed) == asks
    assert chisquare(observed, predicted, sum_check=False).pvalue > 1e-4


@torch.inference_mode()
def joint_distribution(
    model: Any, ids: list[int], count: int, *, temperature: float, top_p: float = 1.0,
    frequency_penalty: float = 0.0, **_: Any,
) -> dict[tuple[int, ...], float]:  # fmt: skip
    """The probability of each continuation of `count` tokens out of `FEW`."""
    shares: dict[tuple[int, ...], float] = {(): 1.0}
    for length in range(count):
        longer: dict[tuple[int, ...], float] = {}
        for start in itertools.product(FEW, repeat=length):
            logits = model(torch.tensor([[*ids, *start]])).logits[0, -1].double()[list(FEW)]
            logits -= frequency_penalty * torch.tensor([start.count(it) for it in FEW])
            chances = nucleus((logits / temperature).softmax(-1), top_p)
            for token, chance in zip(FEW, chances.tolist(), strict=True):
                longer[(*start, token)] = shares[start] * chance
        shares = longer
    return shares


def nucleus(chances: torch.Tensor, top_p: float) -> torch.Tensor:
    order = chances.argsort(descending=True)
    above = chances[order].cumsum(-1) - chances[order]
    kept = torch.zeros_like(chances)
    kept[order] = torch.where(above < top_p, chances[order], 0.0)
    return kept / kept.sum()


@pytest.fixture(scope="module")
def default_folder() -> Path:
    path = default_model_folder()
    if not (path / "config.json").is_file():
        pytest.skip(f"no model in {path}: `make model` makes it")
    return path


@pytest.mark.parametrize("attention", ["auto", "cpu"])
def test_the_default_model_repeats_a_text_in_fewer_steps(
    default_folder: Path, attention: str
) -> None:
    tokenizer = Tokenizer(default_folder)
    text = "The keeper wrote down every ship that passed: 41,208 of them, in eleven notebooks."
    messages = [{"role": "user", "content": f"Repeat this text word for word:\n\n{text}"}]
    ids = tokenizer.encode(tokenizer.render_chat(messages))
    settings: dict[str, Any] = {"attention": attention, "cache": {"num_blocks": 64}}
    core = drafting(default_folder, speculation="auto", **settings)
    slow = plain(default_folder, **settings)
    for sampling in ({}, {"temperature": 0.7, "seed": 3}):
        request = greedy("r", ids, 24, ignore_eos=False, **sampling)
        assert tokens(run(core, [request])) == tokens(run(slow, [request]))
    assert core.stats().steps < 0.7 * slow.stats().steps
