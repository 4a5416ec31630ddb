"""RoPE whose frequencies depend on the length: fixed for the engine's context, for all alike."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path
from typing import Any

from tests.parity.drive import engine, greedy, run
from tests.parity.models import SHORT_CONTEXT, load
from tests.parity.oracle import Oracle
from tests.parity.workload import random_ids
from tests.parity.zoo import Zoo


def ask(folder: Path, lengths: list[int], count: int, **settings: Any) -> dict[str, list[int]]:
    """Greedy answers to random prompts of these lengths, all at once."""
    rng = random.Random(7)
    core, _ = engine(folder, **settings)
    results = run(core, [greedy(f"r{n}", random_ids(rng, n), count) for n in lengths])
    return {rid: result.token_ids for rid, result in results.items()}


def oracle_answers(oracle: Oracle, lengths: list[int], count: int) -> dict[str, list[int]]:
    """What `oracle` says to the prompts of `ask`."""
    rng = random.Random(7)
    return {f"r{n}": oracle.answer(random_ids(rng, n), count).token_ids for n in lengths}


def test_longrope_within_the_short_context(zoo: Zoo) -> None:
    lengths = [1, 17, 30, SHORT_CONTEXT - 8]
    phi3 = zoo["phi3_longrope"]
    answers = ask(phi3.folder, lengths, 8, max_model_len=SHORT_CONTEXT)
    assert answers == oracle_answers(phi3.oracle, lengths, 8)


def test_longrope_beyond_the_short_context(zoo: Zoo) -> None:
    lengths = [SHORT_CONTEXT + 1, 70, 130]
    phi3 = zoo["phi3_longrope"]
    assert ask(phi3.folder, lengths, 8) == oracle_answers(phi3.oracle, lengths, 8)


def test_longrope_of_short_prompts_beside_long_ones(zoo: Zoo, tmp_path: Path) -> None:
    """As of a model that knows the long factors alone: a neighbour's length changes nothing."""
    phi3 = zoo["phi3_longrope"]
    always_long = tmp_path / "always_long"
    shutil.copytree(phi3.folder, always_long)
    config = json.loads((always_long / "config.json").read_text())
    config["rope_parameters"]["short_factor"] = config["rope_parameters"]["long_factor"]
    (always_long / "config.json").write_text(json.dumps(config))
    lengths = [1, 5, SHORT_CONTEXT, 20, 130, 9]
    expected = oracle_answers(Oracle(load(always_long)), lengths, 8)
    assert ask(phi3.folder, lengths, 8, token_budget=40) == expected


def test_longrope_is_fixed_for_the_context_that_the_cache_really_holds(zoo: Zoo) -> None:
    """A pool of less than the short context can never need the long factors."""
    phi3 = zoo["phi3_longrope"]
    rng = random.Random(7)
    core, info = engine(phi3.folder, cache={"num_blocks": 2})
    assert info.max_model_len == 32
    prompt = random_ids(rng, 20)
    result = run(core, [greedy("r", prompt, 8)])["r"]
    assert result.token_ids == phi3.oracle.answer(prompt, 8).token_ids


def test_dynamic_rope_up_to_the_end_of_its_context(zoo: Zoo) -> None:
    lengths = [2, 16, 31, SHORT_CONTEXT - 9]
    llama = zoo["llama_dynamic"]
    assert ask(llama.folder, lengths, 9) == oracle_answers(llama.oracle, lengths, 9)
