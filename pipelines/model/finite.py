"""Counts what is not a finite number in weights that stream by, without a framework.

A floating point number is NaN or infinite when all bits of its exponent are set, whatever its
width: integers are enough to see it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pipelines.model.tensors import Header, TensorFacts

_EXPONENT: dict[str, tuple[type[np.unsignedinteger], int]] = {
    "F64": (np.uint64, 0x7FF0_0000_0000_0000),
    "F32": (np.uint32, 0x7F80_0000),
    "F16": (np.uint16, 0x7C00),
    "BF16": (np.uint16, 0x7F80),
    "F8_E5M2": (np.uint8, 0x7C),
    "F8_E4M3": (np.uint8, 0x7F),  # this kind has no infinity: NaN has every bit set
}


class FiniteScan:
    """Feed it a file's data, in pieces of any size, from the first byte of the first tensor."""

    def __init__(self, header: Header) -> None:
        self.bad: dict[str, int] = {}
        self._waiting = list(header.tensors)
        self._position = 0
        self._rest = b""

    def feed(self, data: bytes) -> None:
        """The next bytes."""
        data = self._rest + data
        start = 0
        while self._waiting:
            tensor = self._waiting[0]
            end = start + tensor.end - self._position
            if end > len(data):
                break
            self._count(tensor, data[start:end])
            self._position, start = tensor.end, end
            self._waiting.pop(0)
        start += self._part(data, start)
        self._rest = data[start:]

    def _part(self, data: bytes, start: int) -> int:
        """Count the whole numbers that are there of a tensor that goes on; their bytes."""
        if not self._waiting:
            return len(data) - start
        whole = (len(data) - start) // 8 * 8
        self._count(self._waiting[0], data[start : start + whole])
        self._position += whole
        return whole

    def _count(self, tensor: TensorFacts, data: bytes) -> None:
        if tensor.dtype not in _EXPONENT or not data:
            return
        kind, mask = _EXPONENT[tensor.dtype]
        numbers: npt.NDArray[np.unsignedinteger] = np.frombuffer(data, dtype=kind)
        bad = int(np.count_nonzero((numbers & kind(mask)) == kind(mask)))
        if bad:
            self.bad[tensor.name] = self.bad.get(tensor.name, 0) + bad
