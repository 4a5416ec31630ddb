"""The compiled kernels as Python sees them: ctypes records that mirror those of records.hpp."""

from __future__ import annotations

import ctypes
import functools
from ctypes import POINTER, c_float, c_int, c_int32, c_void_p
from pathlib import Path
from typing import Any, ClassVar

from torch import Tensor

from serving.native.compiler import CannotCompile, library_path

# Addresses are plain numbers here: the tensors they come from are kept alive by their owner.
Fields = list[tuple[str, Any]]


PHASES = ("rows", "qkv", "attention", "output", "mlp", "head")
"""Parts of a step, in the order of layer.hpp; `rows` is embedding, norms, rotation and cache."""


class Shape(ctypes.Structure):
    """KwShape: sizes of the model."""

    _fields_: ClassVar[Fields] = [
        (name, c_int32)
        for name in (
            "hidden",
            "heads",
            "kv_heads",
            "dim",
            "intermediate",
            "vocabulary",
            "rotary",
            "layers",
            "threads",
            "block_size",
            "cache_bits",
        )
    ] + [("epsilon", c_float)]


class Matrix(ctypes.Structure):
    """KwMatrix: addresses of a packed weight, of its scales if it is of bytes, of its bias."""

    _fields_: ClassVar[Fields] = [
        *((name, c_void_p) for name in ("weight", "scale", "bias")),
        ("bits", c_int32),
    ]


class Layer(ctypes.Structure):
    """KwLayer: addresses of one layer's weights and cache."""

    _fields_: ClassVar[Fields] = [
        *((name, c_void_p) for name in ("input_norm", "post_norm", "q_norm", "k_norm")),
        *((name, Matrix) for name in ("qkv", "output", "gate_up", "down")),
        *((name, c_void_p) for name in ("keys", "values")),
        ("scale", c_float),
        ("window", c_int32),
    ]


class Batch(ctypes.Structure):
    """KwBatch: one step."""

    _fields_: ClassVar[Fields] = [(name, c_int32) for name in ("rows", "sequences", "samples")] + [
        (name, c_void_p)
        for name in (
            "ids",
            "cosine",
            "sine",
            "slots",
            "first",
            "count",
            "cached",
            "table",
            "tables",
            "sample_rows",
            "logits",
            "peaks",
            "likeliest",
        )
    ]


@functools.cache
def load(path: Path | None = None) -> ctypes.CDLL:
    """The library, compiled first if need be.

    Raises:
        CannotCompile: see `library_path`; or the system does not load what was compiled.
    """
    path = path or library_path()
    try:
        library = ctypes.CDLL(str(path))
    except OSError as error:  # a folder that nothing may be run from, say
        raise CannotCompile(f"the compiled kernels cannot be loaded: {error}") from error
    for size in (library.kw_width, library.kw_group, library.kw_offset, library.kw_per_dot):
        size.restype = c_int
    library.kw_pack.argtypes = [c_void_p, c_int, c_int, c_void_p]
    library.kw_pack.restype = None
    library.kw_decoder.argtypes = [
        POINTER(Shape),
        POINTER(Layer),
        c_void_p,
        POINTER(Matrix),
        POINTER(Matrix),
    ]
    library.kw_decoder.restype = c_void_p
    library.kw_forward.argtypes = [c_void_p, POINTER(Batch)]
    library.kw_forward.restype = None
    library.kw_time.argtypes = [c_void_p, c_void_p]
    library.kw_time.restype = None
    library.kw_free.argtypes = [c_void_p]
    library.kw_free.restype = None
    return library


def address(tensor: Tensor | None) -> int | None:
    """Where a contiguous CPU tensor begins; None for none."""
    return None if tensor is None else tensor.data_ptr()
