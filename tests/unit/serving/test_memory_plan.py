"""Bytes in, counts out: rooms, blocks, and the limits that follow."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving import memory_plan
from serving.errors import ConfigError
from serving.kv_cache.spec import CacheSpec, LayerSpec

GIB = 2**30
LLAMA_8B = CacheSpec((LayerSpec(8, 128, 128, 32),) * 32, element_bytes=2)


def test_llama_3_1_8b_takes_128_kib_a_token() -> None:
    assert LLAMA_8B.bytes_per_token == 8 * 128 * 32 * 2 * 2 == 131_072


def test_a_gibibyte_of_it_is_32_blocks_of_256_tokens() -> None:
    blocks = memory_plan.num_blocks_for(LLAMA_8B, GIB, 256, context=131_072, max_num_seqs=64)
    assert blocks == 32


def test_a_tiny_model_gets_no_more_blocks_than_its_sequences_can_fill() -> None:
    tiny = CacheSpec((LayerSpec(1, 4, 4, 1),), element_bytes=4)
    blocks = memory_plan.num_blocks_for(tiny, GIB, 16, context=64, max_num_seqs=2)
    assert blocks == 2 * memory_plan.WARM_CONTEXTS * 4


@pytest.mark.parametrize(
    ("num_blocks", "context", "warm"),
    [(320, 8192, 10), (319, 8192, 9), (64, 8193, 1), (31, 8192, 0), (5, 1, 5), (5, 256, 5)],
)
def test_a_block_belongs_to_one_session(num_blocks: int, context: int, warm: int) -> None:
    assert memory_plan.warm_sessions(num_blocks, 256, context) == warm


def test_the_limits_of_ten_warm_sessions() -> None:
    limits = memory_plan.limits_for(320, 256, context=8192, max_num_seqs=64)
    assert (limits.warm_sessions, limits.running, limits.waiting) == (10, 10, 10)
    assert limits.admission == 20
    assert limits.scaling_target == 7
    assert limits.prefix_threshold == 10
    assert limits.environment() == {
        "KEEPWARM_MAX_MODEL_LEN": "8192",
        "KEEPWARM_MAX_NUM_SEQS": "10",
        "KEEPWARM_MAX_WAITING": "10",
        "KEEPWARM_MAX_CONCURRENT": "20",
    }


def test_many_warm_sessions_do_not_all_run_at_once() -> None:
    limits = memory_plan.limits_for(32_000, 256, context=8192, max_num_seqs=64)
    assert (limits.warm_sessions, limits.running, limits.scaling_target) == (1000, 64, 44)


def test_less_than_a_session_says_what_fits() -> None:
    with pytest.raises(ConfigError, match="holds 7936 tokens, less than one session of 8192"):
        memory_plan.limits_for(31, 256, context=8192, max_num_seqs=64)


@given(
    st.integers(1, 100_000),
    st.sampled_from([16, 256]),
    st.integers(1, 200_000),
    st.integers(1, 5000),
)
def test_limits_keep_their_order_whatever_the_sizes(
    num_blocks: int, block_size: int, context: int, max_num_seqs: int
) -> None:
    if memory_plan.warm_sessions(num_blocks, block_size, context) < 1:
        return
    limits = memory_plan.limits_for(
        num_blocks, block_size, context=context, max_num_seqs=max_num_seqs
    )
    assert 1 <= limits.scaling_target <= limits.running <= limits.warm_sessions
    assert limits.running * context <= num_blocks * block_size
    assert limits.running < limits.admission <= 4096  # the container's own bound
    assert 1 <= limits.prefix_threshold <= 1024  # SageMaker's


def test_defaults_by_device() -> None:
    assert [memory_plan.block_size_for(0, device) for device in ("cuda", "cpu")] == [256, 16]
    assert [memory_plan.token_budget_for(0, device) for device in ("cuda", "cpu")] == [8192, 160]
    assert memory_plan.block_size_for(32, "cuda") == 32
    assert memory_plan.token_budget_for(99, "cpu") == 99


@pytest.mark.parametrize(
    ("total", "free", "activations", "utilization", "room"),
    [(1000, 700, 100, 0.75, 350), (1000, 700, 100, 1.0, 600), (1000, 150, 100, 0.75, 0)],
)
def test_the_room_on_a_gpu(
    total: int, free: int, activations: int, utilization: float, room: int
) -> None:
    assert memory_plan.cuda_kv_room(total, free, activations, utilization) == room


@pytest.mark.parametrize(
    ("setting", "free", "room"), [(0.5, 1, GIB // 2), (0, 8 * GIB, 2 * GIB), (0, 99 * GIB, 4 * GIB)]
)
def test_the_room_on_a_cpu(setting: float, free: int, room: int) -> None:
    assert memory_plan.cpu_kv_room(setting, free) == room
