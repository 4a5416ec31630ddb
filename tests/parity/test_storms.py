"""Whatever is batched, chunked, shared, preempted: every answer is that of `generate()`."""

from __future__ import annotations

import itertools
import random

import pytest

from serving.request import FinishReason
from tests.parity.drive import Arrival, engine, greedy, run
from tests.parity.models import CONTEXT, NATIVE, PAGED
from tests.parity.oracle import Comparison
from tests.parity.workload import prompts, random_ids, storm
from tests.parity.zoo import Zoo

STORM = 16
RARE = ("mixtral", "qwen3_moe", "deepseek_v3", "llama_yarn", "llama3_rope")
MATRIX = [(name, name in RARE) for name in PAGED]


def weather(zoo: Zoo, name: str, block_size: int, seed: int) -> None:
    """One storm on one model."""
    plan = storm(seed, block_size, STORM)
    settings, backend = plan.settings, plan.settings["attention"]
    if name in NATIVE and block_size % 16 == 0:
        settings, backend = settings | {"attention": "auto"}, "native"
    core, info = engine(zoo[name].folder, **settings)
    assert (info.block_size, info.backend) == (block_size, backend)
    results = run(core, plan.arrivals)
    comparison = Comparison()
    for arrival in plan.arrivals:
        request = arrival.request
        count = request.sampling.max_tokens
        assert count is not None
        expected = zoo[name].oracle.answer(request.prompt_token_ids, count)
        result = results[request.request_id]
        assert result.finish_reason is FinishReason.LENGTH
        comparison.check(
            expected,
            result.token_ids,
            f"{name}, {request.request_id} ({len(request.prompt_token_ids)} tokens), storm {seed}",
        )
    comparison.finish()


@pytest.mark.parametrize(
    ("name", "block_size", "seed"),
    [
        pytest.param(name, size, seed, marks=[pytest.mark.slow] if size == 256 and rare else [])
        for seed, (size, (name, rare)) in enumerate(itertools.product((16, 256), MATRIX))
    ],
)
def test_a_storm_answers_as_generate(zoo: Zoo, name: str, block_size: int, seed: int) -> None:
    weather(zoo, name, block_size, seed)


@pytest.mark.parametrize("block_size", [1, 3])
@pytest.mark.parametrize("name", ["llama", "gemma3"])
def test_odd_block_sizes_answer_as_generate(zoo: Zoo, name: str, block_size: int) -> None:
    weather(zoo, name, block_size, 500 + block_size)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1000, 1012))
@pytest.mark.parametrize("block_size", [1, 3, 16, 256])
@pytest.mark.parametrize("name", PAGED)
def test_many_storms_answer_as_generate(zoo: Zoo, name: str, block_size: int, seed: int) -> None:
    weather(zoo, name, block_size, seed)


@pytest.mark.parametrize("block_size", [16, 256])
@pytest.mark.parametrize("name", ["llama", "gemma3", "gpt2", "gpt_oss"])
def test_a_preempted_request_goes_on_as_if_nothing_had_been(
    zoo: Zoo, name: str, block_size: int
) -> None:
    """Prompts that end just below a block's edge, and too few blocks for all to cross it."""
    rng = random.Random(9)
    lengths = [block_size - 3, block_size - 1, block_size, block_size - 2]
    asked = {f"r{i}": random_ids(rng, length) for i, length in enumerate(lengths)}
    count = 2 * block_size + 4 if block_size < 100 else 10
    core, _ = engine(
        zoo[name].folder,
        cache={"block_size": block_size, "num_blocks": 4 if block_size < 100 else 3},
        token_budget=block_size + 40,
        max_num_seqs=4,
    )
    results = run(core, [greedy(rid, prompt, count) for rid, prompt in asked.items()])
    assert core.stats().preemptions > 0
    assert sum(result.preemptions for result in results.values()) == core.stats().preemptions
    comparison = Comparison()
    for rid, prompt in asked.items():
        expected = zoo[name].oracle.answer(prompt, count)
        comparison.check(expected, results[rid].token_ids, f"{name}, {rid}")
    comparison.finish()


@pytest.mark.parametrize("block_size", [16, 256])
@pytest.mark.parametrize("name", PAGED[:7])
def test_prompts_seen_before_are_hits_and_answer_the_same(
    zoo: Zoo, name: str, block_size: int
) -> None:
    asked = {f"r{i}": prompt for i, prompt in enumerate(prompts(block_size))}
    core, _ = engine(
        zoo[name].folder,
        cache={"block_size": block_size, "num_blocks": 16 * len(asked)},
        token_budget=48,
    )
    first = run(core, [greedy(rid, prompt, 8) for rid, prompt in asked.items()])
    second = run(core, [greedy(rid, prompt, 8) for rid, prompt in asked.items()])
    comparison = Comparison()
    for rid, prompt in asked.items():
        expected = zoo[name].oracle.answer(prompt, 8)
        comparison.check(expected, first[rid].token_ids, f"{name}, {rid}, cold")
        comparison.check(expected, second[rid].token_ids, f"{name}, {rid}, warm")
        # At least one token is always computed: it has the logits.
        assert second[rid].cached_tokens == (len(prompt) - 1) // block_size * block_size
    comparison.finish()
    assert core.stats().cached_prompt_tokens > 0


def test_a_second_turn_finds_prompt_and_answer_of_the_first(zoo: Zoo) -> None:
    llama = zoo["llama"]
    rng = random.Random(4)
    core, _ = engine(llama.folder)
    history = random_ids(rng, 21)
    computed = 0
    for turn in range(4):
        result = run(core, [greedy(f"turn{turn}", history, 19)])[f"turn{turn}"]
        assert result.token_ids == llama.oracle.answer(history, 19).token_ids
        assert result.cached_tokens == computed // 16 * 16
        history = history + result.token_ids
        computed = len(history) - 1  # the last token was chosen, but never computed
        history = history + random_ids(rng, 5)


def test_another_tenant_never_hits_and_gets_the_same_answer(zoo: Zoo) -> None:
    prompt = random_ids(random.Random(2), 50)
    core, _ = engine(zoo["llama"].folder)
    answers = [
        run(core, [greedy(f"r{i}", prompt, 6, salt=salt)])[f"r{i}"]
        for i, salt in enumerate(["one", "two", "one"])
    ]
    assert [answer.cached_tokens for answer in answers] == [0, 0, 48]
    assert answers[0].token_ids == answers[1].token_ids == answers[2].token_ids


def test_requests_with_one_prefix_that_arrive_together_share_its_computation(zoo: Zoo) -> None:
    """They are held back, admitted, chunked and merged in one step or another: same ids."""
    rng = random.Random(8)
    system = random_ids(rng, 100)
    asked = {f"r{i}": system + random_ids(rng, 1 + 7 * i) for i in range(6)}
    core, _ = engine(zoo["gemma3"].folder, token_budget=64)
    results = run(core, [greedy(rid, prompt, 6) for rid, prompt in asked.items()])
    for rid, prompt in asked.items():
        assert results[rid].token_ids == zoo["gemma3"].oracle.answer(prompt, 6).token_ids
    assert core.stats().cached_prompt_tokens >= 5 * 96


def test_an_abort_in_mid_flight_leaves_the_others_untouched(zoo: Zoo) -> None:
    rng = random.Random(12)
    common = random_ids(rng, 40)
    asked = {f"r{i}": common + random_ids(rng, 9) for i in range(5)}
    core, _ = engine(zoo["mistral"].folder, token_budget=32, cache={"num_blocks": 16})
    for rid, prompt in asked.items():
        core.add(greedy(rid, prompt, 12))
    got: dict[str, list[int]] = {rid: [] for rid in asked}
    for step in range(200):
        if step in (1, 5):
            core.abort(f"r{step // 2}")
        for delta in core.step():
            got[delta.request_id].extend(delta.token_ids)
        if not core.has_work:
            break
    for rid in ("r1", "r3", "r4"):
        assert got[rid] == zoo["mistral"].oracle.answer(asked[rid], 12).token_ids
    assert len(got["r0"]) < 12 and len(got["r2"]) < 12
    assert core.stats().free_blocks == core.stats().total_blocks


@pytest.mark.parametrize("attention", ["cpu", "reference"])
def test_one_token_a_step_and_one_sequence_at_a_time(zoo: Zoo, attention: str) -> None:
    asked = {f"r{i}": prompt for i, prompt in enumerate(prompts(16)[:6])}
    core, info = engine(zoo["gemma2"].folder, attention=attention, token_budget=1, max_num_seqs=1)
    assert info.backend == attention
    results = run(core, [greedy(rid, prompt, 5) for rid, prompt in asked.items()])
    for rid, prompt in asked.items():
        assert results[rid].token_ids == zoo["gemma2"].oracle.answer(prompt, 5).token_ids


@pytest.mark.parametrize("block_size", [16, 256])
def test_the_last_token_of_the_context_can_be_generated(zoo: Zoo, block_size: int) -> None:
    """Positions up to the model's last one: GPT-2 has no embedding behind it."""
    limit = CONTEXT
    rng = random.Random(1)
    core, info = engine(
        zoo["gpt2"].folder,
        cache={"block_size": block_size, "num_blocks": -(-limit // block_size)},
        token_budget=256,
    )
    assert info.max_model_len == limit
    for left in (1, 9):
        prompt = random_ids(rng, limit - left)
        result = run(core, [greedy("r", prompt, None)])["r"]
        assert result.finish_reason is FinishReason.LENGTH
        assert result.token_ids == zoo["gpt2"].oracle.answer(prompt, left).token_ids


def test_a_pool_no_larger_than_one_context_serves_many_requests_in_turn(zoo: Zoo) -> None:
    rng = random.Random(3)
    asked = {f"r{i}": random_ids(rng, 62) for i in range(3)}
    core, info = engine(zoo["llama"].folder, cache={"num_blocks": 4}, max_num_seqs=3)
    assert info.max_model_len == 64
    results = run(core, [Arrival(greedy(rid, prompt, 2)) for rid, prompt in asked.items()])
    for rid, prompt in asked.items():
        assert results[rid].token_ids == zoo["llama"].oracle.answer(prompt, 2).token_ids
