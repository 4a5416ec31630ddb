"""The CUDA backend around a CPU stand-in of its kernel, which refuses what the kernel would."""

from __future__ import annotations

import inspect
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.attention.varlen import AuxRequest, varlen_attn

from serving.attention.varlen import VarlenAttention
from serving.testing.varlen_standin import varlen_attn_standin
from tests.unit.serving.attention_cases import KINDS, LAYER, LAYERS, Case, chunk, random_case

HALF = [torch.bfloat16, torch.float16]


class Recorder:
    """Passes calls on to the stand-in and keeps their arguments by name."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        bound = inspect.signature(varlen_attn).bind(*args, **kwargs)
        self.calls.append(dict(bound.arguments))
        return varlen_attn_standin(*args, **kwargs)


def test_the_stand_in_has_the_kernel_s_signature() -> None:
    def shape(function: Any) -> list[tuple[Any, ...]]:
        parameters = inspect.signature(function).parameters.values()
        return [(item.name, item.kind, item.default) for item in parameters]

    assert shape(varlen_attn_standin) == shape(varlen_attn)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("layer", LAYERS)
def test_is_attention_by_the_definition(layer: str, kind: str) -> None:
    case = random_case(kind, LAYERS[layer], 256, seed=2)
    backend = VarlenAttention(varlen_attn_standin)
    zero_what_nobody_wrote(case)
    torch.testing.assert_close(case.run(backend), case.expected(), rtol=0, atol=2e-5)


@pytest.mark.parametrize("dtype", HALF)
@pytest.mark.parametrize("layer", ["grouped", "window and sinks"])
def test_half_precision(layer: str, dtype: torch.dtype) -> None:
    case = random_case("mixed", LAYERS[layer], 256, seed=3, dtype=dtype)
    zero_what_nobody_wrote(case)
    backend = VarlenAttention(varlen_attn_standin)
    torch.testing.assert_close(case.run(backend), case.expected(), rtol=0, atol=3e-2)


def zero_what_nobody_wrote(case: Case) -> None:
    """As the cache is allocated on CUDA, where whole pages are read and masked afterwards."""
    case.cache.keys.nan_to_num_()
    case.cache.values.nan_to_num_()


@pytest.mark.parametrize("layer", ["grouped", "no groups", "window", "sinks"])
def test_every_call_keeps_to_what_the_kernel_does_right(layer: str) -> None:
    spec = LAYERS[layer]
    recorder = Recorder()
    for kind in KINDS:
        random_case(kind, spec, 256, seed=4).run(VarlenAttention(recorder))
    assert len(recorder.calls) == len(KINDS)
    for call in recorder.calls:
        assert call["num_splits"] == 1
        assert call["cu_seq_k"] is None
        assert call["scale"] == spec.scaling
        assert call["window_size"] == (-1 if spec.window is None else spec.window - 1, 0)
        assert call["enable_gqa"] is (spec.num_query_heads != spec.num_kv_heads)
        wants_lse = call.get("return_aux") == AuxRequest(lse=True)
        assert wants_lse is spec.has_sinks


def test_pages_are_handed_over_as_they_are() -> None:
    recorder = Recorder()
    case = random_case("mixed", LAYER, 256, seed=4)
    case.run(VarlenAttention(recorder))
    assert recorder.calls[0]["key"].data_ptr() == case.cache.keys.data_ptr()
    assert recorder.calls[0]["value"].data_ptr() == case.cache.values.data_ptr()


def test_block_tables_may_be_longer_than_the_tokens() -> None:
    """All blocks of a long prompt are allocated when its first chunk is computed."""
    chunks = [chunk("a", 0, 5, [3, 1, 2]), chunk("b", 256, 2, [0, 4])]
    case = Case(LAYER, 256, chunks)
    zero_what_nobody_wrote(case)
    backend = VarlenAttention(varlen_attn_standin)
    torch.testing.assert_close(case.run(backend), case.expected(), rtol=0, atol=2e-5)


@pytest.mark.parametrize("change", [{"softcap": 2.0}, {"value_dim": 8}])
def test_layers_that_the_kernel_cannot_do_take_the_reference(change: dict[str, Any]) -> None:
    recorder = Recorder()
    case = random_case("mixed", replace(LAYER, **change), 256, seed=5)
    torch.testing.assert_close(
        case.run(VarlenAttention(recorder)), case.expected(), rtol=0, atol=1e-5
    )
    assert recorder.calls == []


def arguments() -> dict[str, Any]:
    """A good call: two sequences, three pages."""
    return {
        "query": torch.zeros(5, 4, 16),
        "key": torch.zeros(3, 256, 2, 16),
        "value": torch.zeros(3, 256, 2, 16),
        "cu_seq_q": torch.tensor([0, 1, 5], dtype=torch.int32),
        "cu_seq_k": None,
        "max_q": 4,
        "max_k": 300,
        "window_size": (-1, 0),
        "enable_gqa": True,
        "seqused_k": torch.tensor([300, 4], dtype=torch.int32),
        "block_table": torch.tensor([[0, 1], [2, 0]], dtype=torch.int32),
        "num_splits": 1,
    }


def int64(name: str) -> dict[str, Tensor]:
    return {name: arguments()[name].long()}


BAD_CALLS: dict[str, dict[str, Any]] = {
    "int64 table": int64("block_table"),
    "int64 lengths": int64("seqused_k"),
    "int64 bounds": int64("cu_seq_q"),
    "split keys": {"num_splits": None},
    "bounds of keys": {"cu_seq_k": torch.tensor([0, 300, 304], dtype=torch.int32)},
    "small pages": {"key": torch.zeros(3, 16, 2, 16), "value": torch.zeros(3, 16, 2, 16)},
    "head-major pages": {"key": torch.zeros(3, 2, 256, 16).transpose(1, 2)},
    "groups unannounced": {"enable_gqa": False},
    "a page outside the pool": {"block_table": torch.tensor([[0, 3], [2, 0]], dtype=torch.int32)},
    "a table too short": {"block_table": torch.tensor([[0], [2]], dtype=torch.int32)},
    "max_q too small": {"max_q": 3},
    "max_k too small": {"max_k": 299},
    "rows left over": {"query": torch.zeros(6, 4, 16)},
    "no causality": {"window_size": (-1, -1)},
    "mixed dtypes": {"query": torch.zeros(5, 4, 16, dtype=torch.bfloat16)},
    "more rows than tokens": {"seqused_k": torch.tensor([300, 3], dtype=torch.int32)},
}


def test_the_stand_in_takes_a_good_call() -> None:
    assert torch.equal(call_standin({}), torch.zeros(5, 4, 16))


@pytest.mark.parametrize("change", BAD_CALLS.values(), ids=BAD_CALLS.keys())
def test_the_stand_in_refuses(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        call_standin(change)


def call_standin(change: dict[str, Any]) -> Any:
    return varlen_attn_standin(**(arguments() | change))
