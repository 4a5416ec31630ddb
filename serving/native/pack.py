"""Weights in the layouts of the kernels: floats, halves (gemm.hpp) or bytes (quantised.hpp)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from serving.native import library
from serving.native.memory import WeightMemory
from serving.native.precision import Precision

PAIR = 2
"""Halves of neighbouring inputs that lie side by side, as in lanes.hpp."""

SLICE = 4096
"""Outputs that are quantised at a time: a whole number of panels, and little memory."""

_memory = WeightMemory()


@dataclass(frozen=True)
class Matrix:
    """A packed weight [n, k].

    Attributes:
        weight: float32 [panels, k, columns], bfloat16 [panels, k / 2, columns, 2] or
            int8 [panels, k / d, columns, d], d as the processor multiplies them (byte_dot.hpp).
        scale: of each output, where the weight is bytes.
        bias: of each output; None for none, but never where the weight is bytes.
    """

    weight: Tensor
    scale: Tensor | None = None
    bias: Tensor | None = None

    def record(self) -> library.Matrix:
        """Its addresses, as the kernels take them; the tensors must outlive it."""
        tensors = {"weight": self.weight, "scale": self.scale, "bias": self.bias}
        addresses = {name: library.address(one) for name, one in tensors.items()}
        return library.Matrix(**addresses, bits=self.precision.value)

    @property
    def precision(self) -> Precision:
        """What it is made of."""
        return Precision(8 * self.weight.itemsize)


def pack(
    weights: Sequence[Tensor],
    bias: Tensor | None = None,
    *,
    precision: Precision = Precision.FLOAT32,
) -> Matrix:
    """Weights [n_i, k], stacked, for a product."""
    plain = [part.detach().float() for part in weights]
    weight = (plain[0] if len(plain) == 1 else torch.cat(plain)).contiguous()
    if precision is Precision.INT8:
        parts = [
            pack_bytes(weight[first : first + SLICE]) for first in range(0, len(weight), SLICE)
        ]
        packed, scale = (torch.cat(side) for side in zip(*parts, strict=True))
        # A sum that may or may not go on is fused or not, as the compiler likes: it always does.
        offset = torch.zeros_like(scale) if bias is None else bias
        return Matrix(_memory.copy(packed), scale, offset)
    if precision is Precision.BFLOAT16:
        return Matrix(_memory.copy(pack_halves(weight)), None, bias)
    rows, inputs = weight.shape
    shape = (-(-rows // panel_width()), inputs, panel_width())
    packed = _memory.empty(shape, torch.float32)
    library.load().kw_pack(library.address(weight), rows, inputs, library.address(packed))
    return Matrix(packed, None, bias)


def pack_bytes(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Weight [n, k] as bytes with a scale for each output, its largest value being 127.

    Returns:
        int8 [panels, k / d, columns, d], see `Matrix`, and float32 [panels * columns].
    """
    lib = library.load()
    weight = nn.functional.pad(weight, (0, -weight.shape[1] % lib.kw_group()))
    weight = _rows_padded(weight)
    scale = weight.abs().amax(dim=1) / 127
    divisor = torch.where(scale > 0, scale, 1)
    whole = (weight / divisor[:, None]).round_().to(torch.int8)
    if lib.kw_offset():
        whole ^= -128  # adds 128 to a byte that is read as unsigned
    return _in_panels(whole, lib.kw_per_dot()), scale


def pack_halves(weight: Tensor) -> Tensor:
    """Weight [n, k] rounded to bfloat16 [panels, k / 2, columns, 2]."""
    halves = nn.functional.pad(weight.to(torch.bfloat16), (0, -weight.shape[1] % PAIR))
    return _in_panels(_rows_padded(halves), PAIR)


def interleave(gate: Tensor, up: Tensor) -> Tensor:
    """Rows of both by turns of one vector, so that a panel holds a gate and its up."""
    width = library.load().kw_width()
    missing = -len(gate) % width
    sides = [nn.functional.pad(side.detach(), (0, 0, 0, missing)) for side in (gate, up)]
    groups = [side.view(-1, width, side.shape[1]) for side in sides]
    return torch.stack(groups, dim=1).flatten(0, 2)


def pad(vector: Tensor) -> Tensor:
    """A float32 copy as long as the kernels' rows are, filled up with zeros."""
    whole = max(panel_width(), library.load().kw_group())
    return nn.functional.pad(vector.detach().float(), (0, -len(vector) % whole)).contiguous()


def panel_width() -> int:
    """Outputs of a panel."""
    return 2 * int(library.load().kw_width())


def _in_panels(weight: Tensor, together: int) -> Tensor:
    """[panels * columns, k] as [panels, k / together, columns, together]."""
    at_once = {16: torch.int16, 32: torch.int32}[8 * together * weight.itemsize]
    lanes = weight.view(at_once).view(-1, panel_width(), weight.shape[1] // together)
    packed = lanes.transpose(1, 2).contiguous().view(weight.dtype)
    return packed.view(*lanes.shape[::2], panel_width(), together)


def _rows_padded(weight: Tensor) -> Tensor:
    return nn.functional.pad(weight, (0, 0, 0, -len(weight) % panel_width()))
