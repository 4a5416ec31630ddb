"""How many blocks, how long a context: from settings, model and memory."""

from __future__ import annotations

from typing import Any
from unittest.mock import Mock

import pytest
import torch
from transformers import LlamaConfig

from serving.config import CacheConfig, EngineConfig, SchedulerConfig
from serving.errors import ConfigError
from serving.kv_cache.spec import CacheSpec, LayerSpec
from serving.runner import sizing

CPU, CUDA = torch.device("cpu"), torch.device("cuda")
LAYER = LayerSpec(num_kv_heads=3, key_dim=64, value_dim=64, num_query_heads=9)
SPEC = CacheSpec((LAYER,) * 30, element_bytes=4)
TOKEN = 30 * 3 * 128 * 4  # bytes


def model(context: int = 8192) -> Any:
    """What sizing asks of a model: a device and a config."""
    return Mock(device=CPU, config=LlamaConfig(max_position_embeddings=context))


def settings(cache: dict[str, Any] | None = None, **scheduler: Any) -> EngineConfig:
    return EngineConfig(cache=CacheConfig(**(cache or {})), scheduler=SchedulerConfig(**scheduler))


def test_defaults_by_device() -> None:
    plain = settings()
    assert [sizing.block_size_for(plain, device) for device in (CPU, CUDA)] == [16, 256]
    assert [sizing.token_budget_for(plain, device) for device in (CPU, CUDA)] == [160, 8192]


def test_settings_win() -> None:
    own = settings({"block_size": 32, "num_blocks": 7}, token_budget=99)
    assert sizing.block_size_for(own, CUDA) == 32
    assert sizing.token_budget_for(own, CUDA) == 99
    assert sizing.choose_num_blocks(own, SPEC, 32, model()) == 7


def test_gibibytes_become_whole_blocks() -> None:
    count = sizing.choose_num_blocks(settings({"cpu_gib": 1.0}), SPEC, 16, model())
    assert count == 2**30 // (16 * TOKEN)


def test_without_settings_a_quarter_of_free_memory_but_four_gibibytes_at_most(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sizing, "available_memory", lambda: 8 * 2**30)
    assert sizing.choose_num_blocks(settings(), SPEC, 16, model()) == 2 * 2**30 // (16 * TOKEN)
    monkeypatch.setattr(sizing, "available_memory", lambda: 800 * 2**30)
    assert sizing.choose_num_blocks(settings(), SPEC, 16, model()) == 4 * 2**30 // (16 * TOKEN)


@pytest.mark.parametrize(("quantization", "parameter"), [("auto", 4), ("int8", 65 / 64)])
def test_weights_that_are_still_to_come_are_not_free_memory(
    monkeypatch: pytest.MonkeyPatch, quantization: str, parameter: float
) -> None:
    monkeypatch.setattr(sizing, "available_memory", lambda: 8 * 2**30)
    count = 2**30
    coming = Mock(device=torch.device("meta"), config=model().config)
    coming.parameters.return_value = [torch.empty(count, device="meta")]
    config = EngineConfig(quantization=quantization)
    room = (8 - parameter) * 2**30 / 4
    assert sizing.choose_num_blocks(config, SPEC, 16, coming) == int(room) // (16 * TOKEN)


def test_a_tiny_model_does_not_get_more_blocks_than_its_sessions_can_fill() -> None:
    spec = CacheSpec((LayerSpec(1, 4, 4, 1),), element_bytes=4)
    two_at_once = settings({"cpu_gib": 4.0}, max_num_seqs=2)
    count = sizing.choose_num_blocks(two_at_once, spec, 16, model(64))
    assert 2 * 64 // 16 <= count < 10_000


def test_no_room_for_a_block_names_setting_and_size() -> None:
    with pytest.raises(ConfigError, match=f"{TOKEN} bytes.*KEEPWARM_KV_CACHE_GIB"):
        sizing.choose_num_blocks(settings({"cpu_gib": 1e-4}), SPEC, 16, model())


@pytest.mark.parametrize(
    ("wanted", "context", "capacity", "expected"),
    [(0, 8192, 100_000, 8192), (0, 8192, 1600, 1600), (500, 8192, 1600, 500), (64, 64, 64, 64)],
)
def test_the_context_is_what_was_asked_for_or_what_fits(
    wanted: int, context: int, capacity: int, expected: int
) -> None:
    own = settings(max_model_len=wanted)
    assert sizing.choose_max_model_len(own, model(context), capacity) == expected


@pytest.mark.parametrize(("context", "capacity"), [(1024, 4096), (4096, 1024)])
def test_a_context_that_cannot_be_is_refused(context: int, capacity: int) -> None:
    with pytest.raises(ConfigError, match=r"KEEPWARM_MAX_MODEL_LEN.*1025.*1024 or less"):
        sizing.choose_max_model_len(settings(max_model_len=1025), model(context), capacity)


def test_the_report_says_blocks_tokens_bytes_and_sessions() -> None:
    line = sizing.report(SPEC, 1024, 16)
    for part in ("1024 blocks of 16", "16384 tokens", "0.70 GiB", "8 sessions of 2048"):
        assert part in line


@pytest.mark.parametrize(
    ("limit", "used", "expected"),
    [(1000, 400, 600), (400, 1000, 0), (None, 400, None), (1000, None, None)],
)
def test_free_memory_respects_the_container_s_limit(
    monkeypatch: pytest.MonkeyPatch, limit: int | None, used: int | None, expected: int | None
) -> None:
    known = {"/sys/fs/cgroup/memory.max": limit, "/sys/fs/cgroup/memory.current": used}
    monkeypatch.setattr(sizing, "_cgroup", known.get)
    free = sizing.available_memory()
    assert free == expected if expected is not None else free > 10**6
