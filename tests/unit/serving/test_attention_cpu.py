"""The CPU backend: right for every batch, without foreign tokens and without copying the cache."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from serving.attention import cpu
from serving.attention.cpu import CpuAttention
from serving.attention.metadata import build_step
from tests.unit.serving.attention_cases import KINDS, LAYER, LAYERS, Case, chunk, random_case


@pytest.mark.parametrize("block_size", [1, 3, 16])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("layer", LAYERS)
def test_is_attention_by_the_definition(layer: str, kind: str, block_size: int) -> None:
    """Slots that no row may see hold NaN: reading one of them shows."""
    case = random_case(kind, LAYERS[layer], block_size, seed=block_size)
    torch.testing.assert_close(case.run(CpuAttention()), case.expected(), rtol=0, atol=2e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_is_right_with_large_blocks(kind: str) -> None:
    case = random_case(kind, LAYERS["window and sinks"], 256, seed=7)
    torch.testing.assert_close(case.run(CpuAttention()), case.expected(), rtol=0, atol=2e-5)
    case = random_case(kind, LAYERS["grouped"], 256, seed=7)
    torch.testing.assert_close(case.run(CpuAttention()), case.expected(), rtol=0, atol=2e-5)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 140))
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("layer", LAYERS)
def test_is_right_for_many_batches(layer: str, kind: str, seed: int) -> None:
    case = random_case(kind, LAYERS[layer], 1 + seed % 17, seed=seed)
    torch.testing.assert_close(case.run(CpuAttention()), case.expected(), rtol=0, atol=2e-5)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision(kind: str, dtype: torch.dtype) -> None:
    case = random_case(kind, LAYER, 16, seed=5, dtype=dtype)
    torch.testing.assert_close(case.run(CpuAttention()), case.expected(), rtol=0, atol=3e-2)


def test_scores_far_apart_do_not_overflow_when_parts_are_merged() -> None:
    """Parts whose log-sum-exps differ by hundreds: the merge must subtract the peak."""
    case = Case(LAYER, 4, [chunk("a", 10, 3, [0, 5, 9, 2])])
    case.query *= 120
    torch.testing.assert_close(case.run(CpuAttention()), case.expected(), rtol=0, atol=1e-4)


class Meter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the bytes of all new tensors: views of existing memory are free."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.new_bytes = 0

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        known = {id_of(leaf) for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)}
        result = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(result):
            if isinstance(leaf, Tensor) and id_of(leaf) not in known:
                self.new_bytes += leaf.untyped_storage().nbytes()
        return result


def id_of(tensor: Tensor) -> int:
    """The memory behind a tensor."""
    return tensor.untyped_storage().data_ptr()


def bytes_of_decoding(length: int) -> int:
    """New memory for one decoding row behind `length` tokens in neighbouring blocks."""
    blocks = list(range(-(-(length + 1) // 16)))
    case = Case(LAYER, 16, [chunk("a", length, 1, blocks)])
    backend = CpuAttention()
    step = build_step(case.chunks, 16, backend, torch.device("cpu"))
    with Meter() as meter:
        backend.attend(case.query, case.key, case.value, case.cache, step, None)
    return int(meter.new_bytes)


def test_decoding_from_neighbouring_blocks_copies_no_keys() -> None:
    assert bytes_of_decoding(2000) == bytes_of_decoding(100) > 0


def test_a_windowed_layer_gathers_no_more_than_its_window() -> None:
    layer = LAYERS["window"]
    sizes = []
    for length in (100, 2000):
        case = Case(layer, 16, [chunk("a", length, 1, list(range(128)))])
        backend = CpuAttention()
        step = build_step(case.chunks, 16, backend, torch.device("cpu"))
        with Meter() as meter:
            backend.attend(case.query, case.key, case.value, case.cache, step, None)
        sizes.append(meter.new_bytes)
    assert sizes[1] <= sizes[0] + 16 * 16 * 8  # the slots of a block, more or less


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """(rows x groups, keys) of every kernel call."""
    seen: list[tuple[int, int]] = []
    real = cpu._flash

    def counting(query: Tensor, key: Tensor, value: Tensor, **options: Any) -> Any:
        seen.append((query.shape[2], key.shape[2]))
        return real(query, key, value, **options)

    monkeypatch.setattr(cpu, "_flash", counting)
    return seen


def test_decoding_costs_each_sequence_its_own_length(calls: list[tuple[int, int]]) -> None:
    """And not the sum of all: no row is ever multiplied with a neighbour's keys."""
    lengths = [5, 40, 100, 33]
    chunks = [chunk(f"s{i}", n, 1, list(range(8 * i, 8 * i + 8))) for i, n in enumerate(lengths)]
    Case(LAYER, 16, chunks).run(CpuAttention())
    groups = LAYER.num_query_heads // LAYER.num_kv_heads
    assert sum(rows * keys for rows, keys in calls) == groups * sum(n + 1 for n in lengths)


def test_a_shared_prefix_is_read_once(calls: list[tuple[int, int]]) -> None:
    shared = list(range(10))
    chunks = [chunk(f"s{i}", 160, 1, [*shared, 20 + 2 * i]) for i in range(5)]
    case = Case(LAYER, 16, chunks)
    torch.testing.assert_close(case.run(CpuAttention()), case.expected(), rtol=0, atol=2e-5)
    assert sum(keys for _, keys in calls) == 160 + 5


def test_a_neighbour_s_tokens_change_nothing() -> None:
    chunks = [
        chunk("a", 20, 1, [0, 1]),
        chunk("b", 24, 6, [2, 3]),
        chunk("c", 0, 9, [4]),
    ]
    case = Case(LAYER, 16, chunks)
    before = case.run(CpuAttention())
    case.cache.keys[2:] *= -3.0
    case.cache.values[2:] += 100.0
    case.key[1:] *= -3.0
    case.value[1:] += 100.0
    after = case.run(CpuAttention())
    torch.testing.assert_close(after[:1], before[:1], rtol=0, atol=0)
    assert (after[1:] - before[1:]).abs().min() > 1


def test_many_runs_are_one_gather(calls: list[tuple[int, int]]) -> None:
    case = Case(LAYER, 16, [chunk("a", 150, 1, list(range(40, 0, -4)))])
    torch.testing.assert_close(case.run(CpuAttention()), case.expected(), rtol=0, atol=2e-5)
    assert calls == [(2, 151)]
