"""Where `generate()` stops by itself, the engine does, and at the same token."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from serving.request import FinishReason
from tests.parity.drive import engine, greedy, run
from tests.parity.models import load
from tests.parity.oracle import generate
from tests.parity.workload import prompts
from tests.parity.zoo import Zoo

COUNT = 14


def with_eos(folder: Path, target: Path, file: str, ids: int | list[int]) -> Path:
    """A copy of the checkpoint whose `file` alone names the end-of-sequence tokens."""
    shutil.copytree(folder, target)
    for name in ("config.json", "generation_config.json"):
        path = target / name
        if name != file and name != "config.json":
            path.unlink(missing_ok=True)
            continue
        content = json.loads(path.read_text()) if path.exists() else {}
        content["eos_token_id"] = ids if name == file else None
        path.write_text(json.dumps(content))
    return target


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("file", ["generation_config.json", "config.json"])
def test_end_tokens_of_the_checkpoint_end_answers(
    zoo: Zoo, tmp_path: Path, file: str, several: bool
) -> None:
    asked = {f"r{i}": prompt for i, prompt in enumerate(prompts(16))}
    seen = [zoo["llama"].oracle.answer(prompt, COUNT).token_ids for prompt in asked.values()]
    ends = [seen[0][4], seen[3][0], seen[5][-1]]
    folder = with_eos(zoo["llama"].folder, tmp_path / "model", file, ends if several else ends[0])
    core, info = engine(folder, token_budget=40)
    assert info.eos_token_ids == (ends if several else ends[:1])
    results = run(core, [greedy(r, p, COUNT, ignore_eos=False) for r, p in asked.items()])
    model = load(folder)
    for rid, prompt in asked.items():
        expected = generate(model, prompt, COUNT).token_ids
        assert results[rid].token_ids == expected
        stopped = expected[-1] in info.eos_token_ids
        wanted = FinishReason.STOP if stopped else FinishReason.LENGTH
        assert results[rid].finish_reason is wanted
    reasons = {result.finish_reason for result in results.values()}
    assert reasons == {FinishReason.STOP, FinishReason.LENGTH}


def test_ignore_eos_goes_on_behind_the_end_token(zoo: Zoo, tmp_path: Path) -> None:
    prompt = prompts(16)[3]
    expected = zoo["llama"].oracle.answer(prompt, COUNT).token_ids
    folder = with_eos(
        zoo["llama"].folder, tmp_path / "model", "generation_config.json", expected[2]
    )
    core, _ = engine(folder)
    assert run(core, [greedy("r", prompt, COUNT)])["r"].token_ids == expected
