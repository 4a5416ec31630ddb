"""The estimate of speed and cost, by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pipelines.plan import estimate
from pipelines.plan.footprint import Footprint, footprint
from pipelines.plan.instances import catalogue
from tests.unit.pipelines.plan import configs

L40S = catalogue().instances["ml.g6e.2xlarge"]


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Footprint:
    return footprint(configs.write(tmp_path_factory.mktemp("llama"), "llama-3.1-8b"))


@pytest.fixture(scope="module")
def mixtral(tmp_path_factory: pytest.TempPathFactory) -> Footprint:
    return footprint(configs.write(tmp_path_factory.mktemp("mixtral"), "mixtral-8x7b"))


def decode(model: Footprint, running: int, context: int = 8192) -> estimate.Throughput:
    return estimate.decode_throughput(
        model,
        L40S,
        dtype="bfloat16",
        kv_bytes_per_token=131_072,
        running=running,
        context=context,
    )


def test_one_sequence_reads_every_weight_and_half_a_context(llama: Footprint) -> None:
    read = 2 * 8_030_261_248 + 4096 * 131_072
    step = read / (864e9 * 0.65) + 32 * 4e-4
    assert decode(llama, 1).step_s == pytest.approx(step)
    assert decode(llama, 1).tokens_per_s == pytest.approx(1 / step)
    assert decode(llama, 1).bound == "memory"


def test_a_large_batch_of_short_sequences_is_bound_by_arithmetic(llama: Footprint) -> None:
    assert decode(llama, 512, context=16).bound == "arithmetic"


def test_more_sequences_give_more_tokens_and_longer_steps(llama: Footprint) -> None:
    few, many = decode(llama, 4), decode(llama, 16)
    assert many.tokens_per_s > few.tokens_per_s
    assert many.step_s > few.step_s


def test_few_tokens_touch_few_experts(mixtral: Footprint, llama: Footprint) -> None:
    experts = mixtral.expert_parameters / mixtral.parameters
    one = estimate.expected_share(mixtral, 1)
    assert one == pytest.approx(1 - 0.75 * experts)
    assert estimate.expected_share(mixtral, 64) == pytest.approx(1.0, abs=1e-6)
    assert estimate.expected_share(llama, 1) == 1.0


def test_a_token_of_mixtral_meets_13_billion_parameters(mixtral: Footprint) -> None:
    assert estimate.active_parameters(mixtral) == pytest.approx(12.9e9, rel=0.01)


def test_cost() -> None:
    assert estimate.cost_per_million(3.6, 1000.0) == pytest.approx(1.0)
    assert estimate.cost_per_million(None, 1000.0) is None
    assert estimate.cost_per_million(3.6, 0.0) is None


def test_a_faster_memory_is_a_faster_step(llama: Footprint) -> None:
    fast = replace(L40S, bandwidth_gb_s=2 * L40S.bandwidth_gb_s)
    arguments = {"kv_bytes_per_token": 131_072, "running": 1, "context": 8192}
    faster = estimate.decode_throughput(llama, fast, dtype="bfloat16", **arguments)
    assert faster.step_s < decode(llama, 1).step_s


def test_the_assumptions_are_shares(tmp_path: Path) -> None:
    for share in (estimate.BANDWIDTH_SHARE, estimate.COMPUTE_SHARE, estimate.FILL):
        assert 0 < share <= 1
