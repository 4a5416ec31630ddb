"""Memory for packed weights, in huge pages where the system has any to give.

A step walks through all weights. In pages of 4 KiB a processor looks up an address every 32 lines,
and two of them where it runs a virtual machine.

    chunk  | weight | weight | weight | not touched, so it costs nothing |
"""

from __future__ import annotations

import contextlib
import ctypes
import math
import mmap
import threading

import torch
from torch import Tensor

CHUNK_BYTES = 64 * 2**20
_LINE = 64


class WeightMemory:
    """Gives out pieces of large chunks; a chunk is freed when nobody has a piece of it any more."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._chunk = huge_pages(1)
        self._used = len(self._chunk)

    def empty(self, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        """A contiguous tensor that begins with a cache line; its content is arbitrary."""
        count = math.prod(shape)
        size = count * dtype.itemsize
        with self._lock:
            if size > len(self._chunk) - self._used:
                self._chunk, self._used = huge_pages(max(size, CHUNK_BYTES)), 0
            chunk, offset = self._chunk, self._used
            self._used += -(-size // _LINE) * _LINE
        return torch.frombuffer(chunk, dtype=dtype, count=count, offset=offset).view(shape)

    def copy(self, tensor: Tensor) -> Tensor:
        """A contiguous copy."""
        return self.empty(tuple(tensor.shape), tensor.dtype).copy_(tensor)


def huge_pages(size: int) -> mmap.mmap:
    """Fresh memory that asks for huge pages; where there are none, it has small ones."""
    memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        with contextlib.suppress(OSError):  # a kernel that was built without them
            memory.madvise(mmap.MADV_HUGEPAGE)
    return memory


def give_back() -> None:
    """Hand memory that was freed back to the system, where the C library can (glibc's).

    It keeps what plain weights took while they were packed, as holes that nothing large fits in.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
