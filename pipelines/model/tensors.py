"""The header of a safetensors file, checked as if an enemy had written it.

| 8 bytes: n | n bytes: JSON {name: {dtype, shape, data_offsets}} | tensors, back to back |
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, BinaryIO

LENGTH_BYTES = 8
MAX_HEADER = 100_000_000  # the format's own limit
MAX_ELEMENTS = 2**62

# Bits of one element.
DTYPE_BITS = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8,
    "I16": 16, "U16": 16, "F16": 16, "BF16": 16,
    "I32": 32, "U32": 32, "F32": 32,
    "I64": 64, "U64": 64, "F64": 64, "C64": 64,
    "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6,
}  # fmt: skip


class HeaderError(Exception):
    """The file is no valid safetensors; the message says why."""


@dataclass(frozen=True)
class TensorFacts:
    """One tensor; its bytes are `begin` to `end` after the header."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int

    @property
    def elements(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def num_bytes(self) -> int:
        """Bytes in the file."""
        return self.end - self.begin


@dataclass(frozen=True)
class Header:
    """All tensors of a file, in the order of their bytes; the data begins at `data_start`."""

    data_start: int
    tensors: tuple[TensorFacts, ...]


def read_header(stream: BinaryIO, file_bytes: int) -> Header:
    """The header at the beginning of `stream`, of a file of `file_bytes`.

    Raises:
        HeaderError: what is wrong with it.
    """
    length = header_length(stream.read(LENGTH_BYTES), file_bytes)
    return parse_header(stream.read(length), file_bytes)


def header_length(start: bytes, file_bytes: int) -> int:
    """Bytes of the JSON, from the first 8 bytes.

    Raises:
        HeaderError: no file can be like that.
    """
    if len(start) < LENGTH_BYTES:
        raise HeaderError("is too short to be a safetensors file; download it again")
    length = int.from_bytes(start[:LENGTH_BYTES], "little")
    if length > MAX_HEADER:
        raise HeaderError(f"is not safetensors: its header would be {length} bytes long")
    if LENGTH_BYTES + length > file_bytes:
        raise HeaderError(f"is cut off inside its header of {length} bytes; download it again")
    return length


def parse_header(text: bytes, file_bytes: int) -> Header:
    """Check the JSON of a header against the size of its file.

    Raises:
        HeaderError: what is wrong with it.
    """
    if not text.startswith(b"{"):
        raise HeaderError("is not safetensors: its header is not a JSON object")
    try:
        content = json.loads(text, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise HeaderError(f"has a header that is not JSON: {error}") from error
    _check_metadata(content.pop("__metadata__", {}))
    if not content:
        raise HeaderError("holds no tensor")
    tensors = sorted((_tensor(*item) for item in content.items()), key=lambda one: one.begin)
    data_start = LENGTH_BYTES + len(text)
    _check_layout(tensors, file_bytes - data_start)
    return Header(data_start, tuple(tensors))


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        twice, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        raise HeaderError(f"names {twice!r} twice in its header")
    return content


def _check_metadata(metadata: object) -> None:
    if not isinstance(metadata, dict) or not all(
        isinstance(part, str) for item in metadata.items() for part in item
    ):
        raise HeaderError("has __metadata__ that is not a map of texts")


def _tensor(name: str, facts: object) -> TensorFacts:
    if not isinstance(facts, dict) or set(facts) != {"dtype", "shape", "data_offsets"}:
        raise HeaderError(f"describes {name!r} by other fields than dtype, shape, data_offsets")
    dtype, shape, offsets = facts["dtype"], facts["shape"], facts["data_offsets"]
    if not isinstance(dtype, str) or dtype not in DTYPE_BITS:
        raise HeaderError(f"has a dtype that safetensors does not know for {name!r}")
    if not _naturals(shape) or not _naturals(offsets) or len(offsets) != 2:
        raise HeaderError(f"has a shape or offsets that are no natural numbers for {name!r}")
    begin, end = offsets
    elements = math.prod(shape) if len(shape) <= 16 else MAX_ELEMENTS + 1
    bits = elements * DTYPE_BITS[dtype]
    if elements > MAX_ELEMENTS or bits % 8 or end - begin != bits // 8:
        raise HeaderError(f"gives {name!r} other bytes than {dtype} of shape {shape} takes")
    return TensorFacts(name, dtype, tuple(shape), begin, end)


def _naturals(values: object) -> bool:
    return isinstance(values, list) and all(type(one) is int and one >= 0 for one in values)


def _check_layout(tensors: Iterable[TensorFacts], data_bytes: int) -> None:
    """Tensors lie back to back and fill the file: no byte is hidden between them or read twice."""
    position = 0
    for tensor in tensors:
        if tensor.begin != position:
            what = "overlaps the tensor before it" if tensor.begin < position else "leaves a hole"
            raise HeaderError(f"has a layout in which {tensor.name!r} {what}")
        position = tensor.end
    if position != data_bytes:
        word = "is cut off" if data_bytes < position else "has bytes after its last tensor"
        raise HeaderError(f"{word}: {data_bytes} bytes of tensors, and its header says {position}")
