"""The default model itself: its chat answers are those of `generate()`, token for token."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer

from cli.default_model import default_model_folder
from serving.engine.core import Core
from tests.parity.drive import engine, greedy, run
from tests.parity.models import load
from tests.parity.oracle import Comparison, Oracle

COUNT = 16
QUESTIONS = (
    "Hello, who are you?",
    "What is the capital of France?",
    "Name three colours, then explain in one sentence why the sky looks blue at noon.",
)

Render = Callable[[list[dict[str, str]]], list[int]]


@pytest.fixture(scope="module")
def folder() -> Path:
    """The model's folder: KEEPWARM_TEST_MODEL, else the default model if it has been made."""
    path = Path(os.environ.get("KEEPWARM_TEST_MODEL") or default_model_folder())
    if not (path / "config.json").is_file():
        pytest.skip(f"no model in {path}: `make model` makes it, KEEPWARM_TEST_MODEL names another")
    return path


@pytest.fixture(scope="module")
def oracle(folder: Path) -> Oracle:
    model = load(folder)
    model.generation_config.eos_token_id = None
    return Oracle(model)


@pytest.fixture(scope="module")
def core(folder: Path) -> Core:
    """The engine as it would be served, with a small pool."""
    return engine(folder, cache={"num_blocks": 256}, token_budget=64)[0]


@pytest.fixture(scope="module")
def render(folder: Path) -> Render:
    tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True)

    def to_ids(messages: list[dict[str, str]]) -> list[int]:
        text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        return list(tokenizer(text, add_special_tokens=False)["input_ids"])

    return to_ids


def user(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


def test_all_at_once_and_alone(core: Core, oracle: Oracle, render: Render) -> None:
    asked = {f"r{i}": render(user(text)) for i, text in enumerate(QUESTIONS)}
    together = run(core, [greedy(rid, prompt, COUNT) for rid, prompt in asked.items()])
    comparison = Comparison()
    for rid, prompt in asked.items():
        expected = oracle.answer(prompt, COUNT)
        alone = run(core, [greedy(rid, prompt, COUNT)])[rid]
        comparison.check(expected, together[rid].token_ids, f"{rid}, together")
        comparison.check(expected, alone.token_ids, f"{rid}, alone")
    comparison.finish()


def test_a_second_turn_is_a_prefix_hit(core: Core, oracle: Oracle, render: Render) -> None:
    messages = user(QUESTIONS[1])
    first = render(messages)
    run(core, [greedy("first", first, COUNT)])
    messages += [{"role": "assistant", "content": "The capital of France is Paris."}]
    messages += user("And of Italy?")
    second = render(messages)
    result = run(core, [greedy("second", second, COUNT)])["second"]
    assert result.cached_tokens >= (len(first) - 1) // 16 * 16 > 0
    comparison = Comparison()
    comparison.check(oracle.answer(second, COUNT), result.token_ids, "second turn")
    comparison.finish()
