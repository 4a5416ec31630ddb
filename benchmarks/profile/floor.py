"""All linear layers of a step and nothing else, by each library that torch reaches.

    F.linear    as torch takes it
    oneDNN      torch.ops.mkldnn._reorder_linear_weight, _linear_pointwise; reordered for each size
    MKL         torch.ops.mkl._mkl_reorder_linear_weight, _mkl_linear; where torch has it
    ours        the phases of the native kernels in steps of so many one-token sequences

The head is included everywhere, for every row, as in a step of decoding sequences.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
_MILLI = 1000.0

Multiply = Callable[[Tensor], Tensor]


def linears_of(model: nn.Module) -> list[nn.Linear]:
    """Those of the decoder in the order of a step, then the head."""
    return [module for module in model.modules() if isinstance(module, nn.Linear)]


def libraries(linears: Sequence[nn.Linear], rows: int) -> dict[str, list[Multiply]]:
    """The same products, prepared for `rows` rows, by library."""
    found = {
        "F.linear": [_plain(linear) for linear in linears],
        "oneDNN": [_onednn(linear, rows) for linear in linears],
    }
    if _has_mkl():
        found["MKL"] = [_mkl(linear, rows) for linear in linears]
    return found


def measure(linears: Sequence[nn.Linear], rows: int, rounds: int) -> dict[str, float]:
    """Milliseconds for all layers by library, medians of rounds that take turns."""
    prepared = libraries(linears, rows)
    inputs = {linear.in_features: torch.randn(rows, linear.in_features) for linear in linears}
    columns = [inputs[linear.in_features] for linear in linears]
    seconds: dict[str, list[float]] = {name: [] for name in prepared}
    with torch.inference_mode():
        for number in range(rounds + 1):
            for name, products in prepared.items():
                took = _once(products, columns)
                if number:  # the first round warms up
                    seconds[name].append(took)
    return {name: _MILLI * statistics.median(values) for name, values in seconds.items()}


def _once(products: Sequence[Multiply], inputs: Sequence[Tensor]) -> float:
    began = time.perf_counter()
    for multiply, rows in zip(products, inputs, strict=True):
        multiply(rows)
    return time.perf_counter() - began


def _plain(linear: nn.Linear) -> Multiply:
    return lambda rows: functional.linear(rows, linear.weight, linear.bias)


def _onednn(linear: nn.Linear, rows: int) -> Multiply:
    ops = torch.ops.mkldnn
    packed = ops._reorder_linear_weight(linear.weight.detach().contiguous(), rows)

    def multiply(inputs: Tensor) -> Tensor:
        result: Tensor = ops._linear_pointwise(inputs, packed, linear.bias, "none", [], "")
        return result

    return multiply


def _has_mkl() -> bool:
    if not torch.backends.mkl.is_available():  # type: ignore[no-untyped-call]
        return False
    return hasattr(torch.ops.mkl, "_mkl_reorder_linear_weight")


def _mkl(linear: nn.Linear, rows: int) -> Multiply:
    ops = torch.ops.mkl
    weight = linear.weight.detach().contiguous()
    packed = ops._mkl_reorder_linear_weight(weight, rows)

    def multiply(inputs: Tensor) -> Tensor:
        result: Tensor = ops._mkl_linear(inputs, packed, weight, linear.bias, rows)
        return result

    return multiply
