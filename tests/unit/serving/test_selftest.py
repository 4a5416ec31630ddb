"""A kernel that is wrong on this machine is never used, however slightly wrong it is."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from serving.attention import selftest
from serving.attention.cpu import CpuAttention
from serving.attention.metadata import AttentionStep
from serving.attention.reference import ReferenceAttention
from serving.attention.selftest import choose_backend, failure
from serving.attention.varlen import VarlenAttention
from serving.kv_cache.spec import CacheSpec, LayerSpec
from serving.kv_cache.storage import LayerCache
from serving.testing.varlen_standin import varlen_attn_standin
from tests.unit.serving.attention_cases import LAYER, LAYERS

CPU = torch.device("cpu")

WIDE = replace(LAYER, key_dim=64, value_dim=64, num_query_heads=8, scaling=0.125)
"""The proportions of real models: scores of random numbers are tame, and attention is flat."""

Spoil = Callable[[Tensor], Tensor]


class Spoiled(ReferenceAttention):
    """Right, but for what `spoil` does to its output [T, heads, dim]."""

    def __init__(self, spoil: Spoil) -> None:
        self._spoil = spoil

    def attend(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        cache: LayerCache,
        step: AttentionStep,
        sinks: Tensor | None,
    ) -> Tensor:
        return self._spoil(super().attend(query, key, value, cache, step, sinks))


def at(index: tuple[int | slice, ...], change: Spoil) -> Spoil:
    """Change only a part of the output."""

    def spoil(output: Tensor) -> Tensor:
        output = output.clone()
        output[index] = change(output[index])
        return output

    return spoil


def mistaken_layer(**changes: Any) -> type[ReferenceAttention]:
    """A backend that believes the layer to be another one."""

    class Mistaken(ReferenceAttention):
        def attend(
            self,
            query: Tensor,
            key: Tensor,
            value: Tensor,
            cache: LayerCache,
            step: AttentionStep,
            sinks: Tensor | None,
        ) -> Tensor:
            believed = replace(cache, spec=replace(cache.spec, **changes))
            return super().attend(query, key, value, believed, step, sinks)

    return Mistaken


def verdict(
    candidate: Any, layer: LayerSpec, block_size: int = 16, dtype: torch.dtype = torch.float32
) -> str | None:
    return failure(candidate, CacheSpec((layer,), 4), block_size, dtype=dtype, device=CPU)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("block_size", [1, 3, 16, 256])
@pytest.mark.parametrize("layer", LAYERS)
def test_the_cpu_backend_passes(layer: str, block_size: int, dtype: torch.dtype) -> None:
    assert verdict(CpuAttention(), LAYERS[layer], block_size, dtype) is None


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("layer", LAYERS)
def test_the_cuda_backend_passes_with_a_right_kernel(layer: str, dtype: torch.dtype) -> None:
    assert verdict(VarlenAttention(varlen_attn_standin), LAYERS[layer], 256, dtype) is None


def test_the_cuda_backend_fails_with_pages_its_kernel_cannot_read() -> None:
    reason = verdict(VarlenAttention(varlen_attn_standin), LAYER, 16)
    assert reason is not None and "256" in reason


SPOILT: dict[str, Spoil] = {
    "all NaN": lambda output: output * torch.nan,
    "one number NaN": at((-1, 0, 0), lambda part: part * torch.nan),
    "one number infinite": at((3, 1, 2), lambda part: part + torch.inf),
    "the last row never written": at((-1,), torch.zeros_like),
    "the first row never written": at((0,), torch.zeros_like),
    "one row a little off": at((5,), lambda part: part * 1.02),
    "one head of one row off": at((9, 2), lambda part: part + 1e-3),
    "rows swapped": lambda output: output.flip(0),
    "heads swapped": lambda output: output.flip(1),
}


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT.keys())
def test_a_wrong_output_is_noticed(spoil: Spoil) -> None:
    assert verdict(Spoiled(spoil), LAYER) is not None


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("block_size", [16, 256])
@pytest.mark.parametrize(
    ("layer", "changes"),
    [
        (replace(LAYER, window=128), {"window": 127}),
        (replace(LAYER, window=128), {"window": 129}),
        (replace(LAYER, window=128), {"window": None}),
        (replace(LAYER, window=1024), {"window": None}),
        (replace(WIDE, window=4096), {"window": None}),
        (replace(WIDE, softcap=50.0), {"softcap": None}),
        (LAYER, {"window": 256}),
        (LAYER, {"scaling": LAYER.scaling * 1.1}),
        (LAYERS["softcap"], {"softcap": None}),
    ],
)
def test_a_mistaken_layer_is_noticed(
    layer: LayerSpec, changes: dict[str, Any], block_size: int, dtype: torch.dtype
) -> None:
    if changes == {"window": 256} and block_size < 256:
        pytest.skip("the batch is shorter than this window")
    assert verdict(mistaken_layer(**changes)(), layer, block_size, dtype) is not None


def test_sinks_left_out_are_noticed() -> None:
    class Sinkless(CpuAttention):
        def attend(self, *args: Any) -> Tensor:
            query, key, value, cache, step, _ = args
            return super().attend(query, key, value, cache, step, None)

    assert verdict(Sinkless(), LAYERS["sinks"]) is not None


def test_every_kind_of_layer_is_tried() -> None:
    """A model's windowed layers may fail where its full ones pass."""
    windowed = replace(LAYER, window=40)
    spec = CacheSpec((LAYER, LAYER, windowed), 4)
    candidate = mistaken_layer(window=None)()
    assert verdict(candidate, LAYER) is None
    assert failure(candidate, spec, 16, dtype=torch.float32, device=CPU) is not None


@pytest.mark.parametrize("error", [RuntimeError, NotImplementedError, ValueError, TypeError])
def test_a_kernel_that_raises_is_a_reason(error: type[Exception]) -> None:
    def broken(*args: Any, **kwargs: Any) -> Tensor:
        raise error("no kernel image is available")

    reason = verdict(VarlenAttention(broken), LAYER, 256)
    assert reason is not None and "no kernel image" in reason


def test_a_failed_candidate_is_logged_and_the_reference_used(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(selftest, "CpuAttention", lambda: Spoiled(SPOILT["one number NaN"]))
    with caplog.at_level(logging.WARNING):
        chosen = choose_backend(
            CacheSpec((LAYER,), 4), 16, dtype=torch.float32, device=CPU, wanted="auto"
        )
    assert chosen.name == "reference"
    assert "cpu failed its self-test" in caplog.text and "reference" in caplog.text


def test_without_the_kernel_s_device_the_reference_is_used_and_one_line_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING):
        chosen = choose_backend(
            CacheSpec((LAYER,), 4), 256, dtype=torch.float32, device=CPU, wanted="varlen"
        )
    assert chosen.name == "reference"
    (record,) = caplog.records
    assert len(record.getMessage().splitlines()) == 1


@pytest.mark.parametrize(("wanted", "name"), [("auto", "cpu"), ("cpu", "cpu"), ("reference",) * 2])
def test_what_passes_is_used(wanted: str, name: str, caplog: pytest.LogCaptureFixture) -> None:
    chosen = choose_backend(
        CacheSpec((LAYER,), 4), 16, dtype=torch.float32, device=CPU, wanted=wanted
    )
    assert chosen.name == name
    assert not caplog.records
