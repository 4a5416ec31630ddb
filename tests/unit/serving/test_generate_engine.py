"""The fallback engine: any model that transformers generates with, one request at a time."""

from __future__ import annotations

import json
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest

from serving.engine.core import Core
from serving.errors import UnsupportedModel
from serving.request import FinishReason, TokenDelta
from tests.parity.drive import engine, greedy, run
from tests.parity.zoo import Zoo

FOREIGN = ["mamba", "bloom", "gptj"]
PROMPT = [5, 6, 7, 8, 9, 10, 11]


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Zoo:
    return Zoo(tmp_path_factory.mktemp("zoo"))


@pytest.fixture(autouse=True)
def no_thread_is_left_behind() -> Any:
    yield
    assert not [thread for thread in threading.enumerate() if thread.name == "generate"]


def fallback(folder: Path) -> Core:
    return engine(folder, backend="generate")[0]


@pytest.mark.parametrize("name", FOREIGN)
def test_the_paged_engine_refuses_and_names_this_one(zoo: Zoo, name: str) -> None:
    with pytest.raises(UnsupportedModel, match="KEEPWARM_BACKEND=generate") as caught:
        engine(zoo[name].folder)
    assert name in caught.value.message.lower()


@pytest.mark.parametrize("name", [*FOREIGN, "llama"])
def test_greedy_answers_are_those_of_generate(zoo: Zoo, name: str) -> None:
    core, info = engine(zoo[name].folder, backend="generate")
    assert (info.backend, info.total_blocks) == ("generate", 0)
    asked = {"first": PROMPT, "second": PROMPT[:1], "third": PROMPT * 5}
    results = run(core, [greedy(rid, prompt, 9) for rid, prompt in asked.items()])
    for rid, prompt in asked.items():
        assert results[rid].token_ids == zoo[name].oracle.answer(prompt, 9).token_ids
        assert results[rid].finish_reason is FinishReason.LENGTH
    stats = core.stats()
    assert stats.generated_tokens == 27
    assert stats.prompt_tokens == sum(map(len, asked.values()))


def test_there_are_no_blocks_to_show(zoo: Zoo) -> None:
    assert fallback(zoo["mamba"].folder).kv_usage() is None


def test_requests_are_served_in_the_order_of_their_arrival(zoo: Zoo) -> None:
    core = fallback(zoo["mamba"].folder)
    for name in ("a", "b", "c"):
        core.add(greedy(name, PROMPT, 2))
    order = [delta.request_id for delta in steps(core)]
    assert order == ["a", "a", "b", "b", "c", "c"]


def steps(core: Core) -> list[TokenDelta]:
    """All deltas until there is no work left."""
    deltas: list[TokenDelta] = []
    while core.has_work:
        deltas += core.step()
        assert len(deltas) < 1000
    return deltas


@pytest.mark.parametrize("after", [0, 1, 3])
def test_an_abort_ends_the_running_request_and_the_next_one_is_served(zoo: Zoo, after: int) -> None:
    core = fallback(zoo["mamba"].folder)
    core.add(greedy("gone", PROMPT, 500))
    core.add(greedy("next", PROMPT, 4))
    for _ in range(after):
        core.step()
    core.abort("gone")
    assert core.stats().running == 0
    deltas = steps(core)
    assert {delta.request_id for delta in deltas} == {"next"}
    tokens = [token for delta in deltas for token in delta.token_ids]
    assert tokens == zoo["mamba"].oracle.answer(PROMPT, 4).token_ids


def test_an_abort_of_a_waiting_or_unknown_request_leaves_the_running_one(zoo: Zoo) -> None:
    core = fallback(zoo["mamba"].folder)
    core.add(greedy("runs", PROMPT, 6))
    core.add(greedy("waits", PROMPT, 6))
    first = core.step()
    core.abort("waits")
    core.abort("never heard of")
    deltas = first + steps(core)
    assert {delta.request_id for delta in deltas} == {"runs"}
    tokens = [token for delta in deltas for token in delta.token_ids]
    assert tokens == zoo["mamba"].oracle.answer(PROMPT, 6).token_ids


def test_a_warm_hint_generates_nothing(zoo: Zoo) -> None:
    results = run(
        fallback(zoo["mamba"].folder), [greedy("hint", PROMPT, 0), greedy("real", PROMPT, 3)]
    )
    assert results["hint"].token_ids == []
    assert results["hint"].finish_reason is FinishReason.LENGTH
    assert results["real"].token_ids == zoo["mamba"].oracle.answer(PROMPT, 3).token_ids


@pytest.mark.parametrize("at_call", [1, 4])
def test_a_failing_forward_ends_its_request_and_the_next_one_works(
    zoo: Zoo, monkeypatch: pytest.MonkeyPatch, at_call: int
) -> None:
    core: Any = fallback(zoo["gptj"].folder)
    model = core._model
    forward, calls = model.forward, [0]

    def failing(*args: Any, **kwargs: Any) -> Any:
        calls[0] += 1
        if calls[0] == at_call:
            raise RuntimeError("the secret text of the prompt")
        return forward(*args, **kwargs)

    monkeypatch.setattr(model, "forward", failing)
    results = run(core, [greedy("fails", PROMPT, 8), greedy("works", PROMPT, 8)])
    assert results["fails"].finish_reason is FinishReason.ERROR
    assert results["fails"].error_code == "generation_failed"
    expected = zoo["gptj"].oracle.answer(PROMPT, 8).token_ids
    assert results["fails"].token_ids == expected[: at_call - 1]
    assert results["works"].token_ids == expected
    assert core.stats().failed_steps == 1


def test_the_context_s_end_ends_an_answer(zoo: Zoo) -> None:
    core, _ = engine(zoo["gptj"].folder, backend="generate", max_model_len=12)
    result = run(core, [greedy("r", PROMPT, None)])["r"]
    assert result.token_ids == zoo["gptj"].oracle.answer(PROMPT, 5).token_ids
    assert result.finish_reason is FinishReason.LENGTH


OWN_SETTINGS: dict[str, dict[str, Any]] = {
    "an end token": {"eos_token_id": "third"},
    "a repetition penalty": {"repetition_penalty": 5.0},
    "no repeated n-grams": {"no_repeat_ngram_size": 1},
    "beams": {"num_beams": 3},
    "suppressed tokens": {"suppress_tokens": "first"},
    "sampling": {"do_sample": True, "temperature": 3.0, "top_k": 2},
    "a most length": {"max_length": 8},
    "a most time": {"max_time": 1e-4},
    "stop strings": {"stop_strings": ["a"]},
    "no cache": {"use_cache": False},
}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("extra", OWN_SETTINGS.values(), ids=OWN_SETTINGS.keys())
def test_the_checkpoint_s_own_generation_settings_do_not_interfere(
    zoo: Zoo, tmp_path: Path, extra: dict[str, Any]
) -> None:
    """Requests say how to sample and when to stop, as with the paged engine."""
    expected = zoo["llama"].oracle.answer(PROMPT, 9).token_ids
    folder = Path(shutil.copytree(zoo["llama"].folder, tmp_path / "model"))
    named = {"first": expected[:2], "third": expected[2]}
    content = {
        key: named[value] if isinstance(value, str) else value for key, value in extra.items()
    }
    (folder / "generation_config.json").write_text(json.dumps(content))
    core = fallback(folder)
    result: list[Any] = []
    thread = threading.Thread(
        target=lambda: result.append(run(core, [greedy("r", PROMPT, 9)])["r"]), daemon=True
    )
    thread.start()
    thread.join(20)
    assert result, "the engine hangs"
    assert result[0].token_ids == expected


def test_an_end_token_ends_the_answer(zoo: Zoo, tmp_path: Path) -> None:
    expected = zoo["llama"].oracle.answer(PROMPT, 9).token_ids
    folder = Path(shutil.copytree(zoo["llama"].folder, tmp_path / "model"))
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": expected[3]}))
    result = run(fallback(folder), [greedy("r", PROMPT, 9, ignore_eos=False)])["r"]
    assert result.token_ids == expected[:4]
    assert result.finish_reason is FinishReason.STOP
