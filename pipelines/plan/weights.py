"""What the headers of the safetensors files say of the weights, without reading a weight."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipelines.errors import PlanError
from pipelines.model.tensors import HeaderError, TensorFacts, read_header

PLAIN = ("F64", "F32", "F16", "BF16")
"""Kinds that are cast to the engine's dtype when they are loaded."""


@dataclass(frozen=True)
class StoredWeights:
    """Weights on disk: elements of plain floating point kinds, and bytes of all others."""

    tensors: int
    plain_elements: int
    packed_bytes: int
    file_bytes: int

    @property
    def quantised(self) -> bool:
        """Whether a tenth or more of the bytes are of kinds that no cast makes."""
        return 10 * self.packed_bytes > self.file_bytes

    def bytes_as(self, element_bytes: int) -> int:
        """Bytes in memory when plain elements take `element_bytes` each."""
        return self.plain_elements * element_bytes + self.packed_bytes


def stored_weights(folder: Path) -> StoredWeights | None:
    """What `folder` holds; None without safetensors.

    Raises:
        PlanError: a header is damaged.
    """
    files = sorted(folder.glob("*.safetensors"))
    tensors: list[TensorFacts] = []
    for file in files:
        try:
            with file.open("rb") as opened:
                tensors += read_header(opened, file.stat().st_size).tensors
        except HeaderError as error:
            raise PlanError(f"{file}: {error}") from error
    if not files:
        return None
    plain = sum(one.elements for one in tensors if one.dtype in PLAIN)
    packed = sum(one.num_bytes for one in tensors if one.dtype not in PLAIN)
    return StoredWeights(len(tensors), plain, packed, sum(one.num_bytes for one in tensors))
