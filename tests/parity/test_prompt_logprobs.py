"""Log-probabilities of prompts are those of one whole forward by transformers."""

from __future__ import annotations

import math
import random
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from serving.request import EngineRequest, PositionLogprobs
from serving.runner import scoring
from tests.parity.drive import Arrival, Result, engine, greedy, run
from tests.parity.models import NATIVE, VOCABULARY, load
from tests.parity.workload import prompts, random_ids
from tests.parity.zoo import Zoo

TOLERANCE = 2e-4
"""Of a log-probability. fp32 rounds differently in another order of sums."""

MODELS = ("llama", "gemma3", "gpt2", "native_llama", "native_mistral")
TOP = 5


@torch.inference_mode()
def expected(model: Any, prompt: list[int]) -> Tensor:
    """Log-probabilities [tokens - 1, V] of all tokens that could stand after each prefix."""
    logits: Tensor = model(input_ids=torch.tensor([prompt]), use_cache=False).logits[0, :-1]
    return logits.float().log_softmax(dim=-1)


def check(model: Any, prompt: list[int], told: list[PositionLogprobs]) -> None:
    """Each token's log-probability and rank, and those of the likeliest ones in their order."""
    truth = expected(model, prompt)
    assert [entry.chosen.token_id for entry in told] == prompt[1:]
    for entry, row in zip(told, truth, strict=True):
        likeliest = row.topk(TOP).values.tolist()
        assert [token.logprob for token in entry.top] == pytest.approx(likeliest, abs=TOLERANCE)
        for token in [entry.chosen, *entry.top]:
            value = float(row[token.token_id])
            assert token.logprob == pytest.approx(value, abs=TOLERANCE)
            surely, perhaps = (int((row > value + d).sum()) for d in (TOLERANCE, -TOLERANCE))
            assert surely < token.rank <= max(perhaps, 1)


def scored(name: str, prompt: list[int], count: int, **sampling: Any) -> EngineRequest:
    return greedy(name, prompt, count, prompt_logprobs=TOP, **sampling)


def check_all(zoo: Zoo, name: str, asked: dict[str, list[int]], heard: dict[str, Result]) -> None:
    for rid, prompt in asked.items():
        check(zoo[name].checkpoint.model, prompt, heard[rid].prompt_logprobs)


@pytest.fixture(params=[16, 256])
def block_size(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.mark.parametrize("name", MODELS)
def test_in_small_chunks_beside_requests_that_sample(
    zoo: Zoo, name: str, block_size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Few rows of logits a step, so that prompts are cut at places of every kind."""
    monkeypatch.setattr(scoring, "LOGITS_BYTES", 4 * VOCABULARY * 7)
    asked = {f"r{i}": prompt for i, prompt in enumerate(prompts(16))}
    core, info = engine(
        zoo[name].folder,
        cache={"block_size": block_size, "num_blocks": 30 if block_size < 100 else 6},
        token_budget=23,
    )
    assert info.backend == ("native" if name in NATIVE else "cpu")
    arrivals = [
        Arrival(scored(rid, prompt, place % 3), step=place)
        for place, (rid, prompt) in enumerate(asked.items())
    ]
    others = {f"s{rid}": prompt for rid, prompt in asked.items()}
    for rid, prompt in others.items():
        request = greedy(rid, prompt, 9, temperature=1.0, seed=3, logprobs=2)
        arrivals.append(Arrival(request, step=len(arrivals) % 7))
    heard = run(core, arrivals)
    check_all(zoo, name, asked, heard)
    assert not any(heard[rid].prompt_logprobs for rid in others)


@pytest.mark.parametrize("name", MODELS)
def test_after_the_prompt_was_cached_and_for_those_who_find_it_then(
    zoo: Zoo, name: str, block_size: int
) -> None:
    prompt = random_ids(random.Random(5), block_size + 37)
    core, _ = engine(
        zoo[name].folder, cache={"block_size": block_size, "num_blocks": 12}, token_budget=64
    )
    run(core, [greedy("warm", prompt, 2)])
    heard = run(core, [scored("scored", prompt, 6)])["scored"]
    check(zoo[name].checkpoint.model, prompt, heard.prompt_logprobs)
    again = run(core, [greedy("again", prompt, 6)])["again"]
    assert (heard.cached_tokens, again.cached_tokens) == (0, len(prompt) // block_size * block_size)
    assert heard.token_ids == again.token_ids == zoo[name].oracle.answer(prompt, 6).token_ids


@pytest.mark.parametrize(
    ("name", "block_size"),
    [*((name, 16) for name in MODELS), ("gemma3", 256), ("native_llama", 256)],
)
def test_through_a_preemption(
    zoo: Zoo, name: str, block_size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long answer crosses two blocks' edges and takes those of a prompt that is half scored."""
    monkeypatch.setattr(scoring, "LOGITS_BYTES", 4 * VOCABULARY)
    rng = random.Random(11)
    prompt = random_ids(rng, 2 * block_size + 3 if block_size < 100 else block_size + 19)
    core, _ = engine(
        zoo[name].folder,
        cache={"block_size": block_size, "num_blocks": -(-len(prompt) // block_size) + 2},
        token_budget=2 * block_size,
        speculation="off",  # or the answer might be over before the blocks are
    )
    talker = greedy("talks", random_ids(rng, block_size - 6), block_size + 20)
    heard = run(core, [talker, scored("r", prompt, 3)])["r"]
    assert heard.preemptions == 1
    check(zoo[name].checkpoint.model, prompt, heard.prompt_logprobs)
    assert heard.token_ids == zoo[name].oracle.answer(prompt, 3).token_ids


@pytest.mark.parametrize("name", ["gptj", "mamba", "llama"])
def test_by_the_fallback_engine(zoo: Zoo, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scoring, "LOGITS_BYTES", 4 * VOCABULARY * 7)
    asked = {f"r{i}": random_ids(random.Random(i), length) for i, length in enumerate([1, 2, 20])}
    core, _ = engine(zoo[name].folder, backend="generate")
    heard = run(
        core, [scored(rid, prompt, 3 * (i % 2)) for i, (rid, prompt) in enumerate(asked.items())]
    )
    check_all(zoo, name, asked, heard)
    assert heard["r1"].token_ids == zoo[name].oracle.answer(asked["r1"], 3).token_ids


def test_the_default_model_in_chunks_of_many_sizes(default_model: Path) -> None:
    """A vocabulary of its real size; one prompt whole, one in pieces, one cached before."""
    model = load(default_model)
    asked = {f"r{i}": random_ids(random.Random(i), 40 + 30 * i) for i in range(3)}
    asked["again"] = asked["r2"]
    core, _ = engine(default_model, cache={"num_blocks": 128}, token_budget=48)
    heard = run(
        core, [Arrival(scored(rid, p, 1), 9 * i) for i, (rid, p) in enumerate(asked.items())]
    )
    for rid, prompt in asked.items():
        check(model, prompt, heard[rid].prompt_logprobs)
    told = [entry.chosen.logprob for entry in heard["r2"].prompt_logprobs]
    truth = expected(model, asked["r2"])[range(len(told)), asked["r2"][1:]]
    assert math.exp(-sum(told) / len(told)) == pytest.approx(float((-truth.mean()).exp()), rel=1e-5)
