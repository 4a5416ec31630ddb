"""Same request, same seed: same tokens, whatever else the engine does at the time."""

from __future__ import annotations

import random
from typing import Any

import pytest

from serving.request import EngineRequest
from tests.parity.drive import Arrival, Result, engine, greedy, run
from tests.parity.workload import random_ids
from tests.parity.zoo import Zoo

COUNT = 24
WAYS: list[dict[str, Any]] = [
    {"temperature": 1.0},
    {"temperature": 1.6, "top_k": 40},
    {"temperature": 0.9, "top_p": 0.8},
    {"temperature": 1.2, "min_p": 0.02, "repetition_penalty": 1.3},
    {"temperature": 1.0, "frequency_penalty": 0.7, "presence_penalty": 0.4},
    {"temperature": 1.0, "logit_bias": {3: 4.0, 5: -100.0}, "logprobs": 2},
]


def asked(seed: int = 0) -> list[EngineRequest]:
    """One request for each way of sampling; prompts share a prefix."""
    rng = random.Random(5)
    common = random_ids(rng, 18)
    return [
        greedy(f"r{i}", common + random_ids(rng, 3 * i + 1), COUNT, **way, seed=seed + i)
        for i, way in enumerate(WAYS)
    ]


def tokens(results: dict[str, Result]) -> dict[str, list[int]]:
    """The sampled tokens by request."""
    return {rid: result.token_ids for rid, result in results.items() if rid.startswith("r")}


@pytest.fixture(scope="module")
def alone(zoo: Zoo) -> dict[str, list[int]]:
    """What each request gets from an engine of its own."""
    answers: dict[str, list[int]] = {}
    for request in asked():
        core, _ = engine(zoo["llama"].folder)
        answers |= tokens(run(core, [request]))
    return answers


def test_alone_twice(zoo: Zoo, alone: dict[str, list[int]]) -> None:
    core, _ = engine(zoo["llama"].folder)
    for request in asked():
        assert tokens(run(core, [request]))[request.request_id] == alone[request.request_id]


def test_in_a_batch_with_others(zoo: Zoo, alone: dict[str, list[int]]) -> None:
    """Among unseeded, greedy and seeded neighbours, in another order, in small chunks."""
    rng = random.Random(11)
    others = [
        greedy(f"x{i}", random_ids(rng, 30), COUNT, temperature=rng.choice([0.0, 1.0]))
        for i in range(6)
    ]
    mixed: list[EngineRequest] = [*asked(), *others]
    rng.shuffle(mixed)
    core, _ = engine(zoo["llama"].folder, token_budget=17, max_num_seqs=7)
    arrivals = [Arrival(request, rng.randrange(12)) for request in mixed]
    assert tokens(run(core, arrivals)) == alone


def test_after_preemption(zoo: Zoo, alone: dict[str, list[int]]) -> None:
    core, _ = engine(zoo["llama"].folder, cache={"num_blocks": 9, "block_size": 8})
    results = run(core, asked())
    preempted = [rid for rid, result in results.items() if result.preemptions]
    assert preempted
    assert tokens(results) == alone


def test_in_the_compatibility_engine(zoo: Zoo, alone: dict[str, list[int]]) -> None:
    core, info = engine(zoo["llama"].folder, backend="generate")
    assert info.backend == "generate"
    assert tokens(run(core, asked())) == alone


def test_another_seed_gives_other_tokens(zoo: Zoo, alone: dict[str, list[int]]) -> None:
    core, _ = engine(zoo["llama"].folder)
    other = tokens(run(core, asked(seed=100)))
    assert all(other[rid] != alone[rid] for rid in alone)


def test_without_a_seed_answers_differ(zoo: Zoo) -> None:
    core, _ = engine(zoo["llama"].folder)
    prompt = random_ids(random.Random(3), 9)
    requests = [greedy(f"r{i}", prompt, COUNT, temperature=1.0) for i in range(3)]
    answers = tokens(run(core, requests))
    assert len({tuple(answer) for answer in answers.values()}) == 3
