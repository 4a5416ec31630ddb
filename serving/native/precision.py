"""What the kernels compute with: floats, 16-bit floats, or bytes."""

from __future__ import annotations

from enum import Enum

import torch


class Precision(Enum):
    """Bits of a weight, and of an input that meets it. Sums are 32-bit floats in all of them."""

    FLOAT32 = 32
    BFLOAT16 = 16
    INT8 = 8

    @property
    def cache_dtype(self) -> torch.dtype:
        """Of keys and values: bytes are too coarse for them."""
        return torch.float32 if self is Precision.FLOAT32 else torch.bfloat16

    @property
    def backend(self) -> str:
        """Its name where an engine says what computes."""
        return "native" if self is Precision.FLOAT32 else f"native-{self.name.lower()}"


def precision_for(quantization: str, dtype: torch.dtype) -> Precision | None:
    """The kernels' precision for a setting and the weights' dtype; None: they have none for it."""
    if quantization == "int8":
        return Precision.INT8
    return {torch.float32: Precision.FLOAT32, torch.bfloat16: Precision.BFLOAT16}.get(dtype)
