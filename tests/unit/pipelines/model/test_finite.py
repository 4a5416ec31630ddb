"""NaN and infinities are found in every kind of number, however the bytes arrive."""

from __future__ import annotations

import io

import numpy as np
import pytest

from pipelines.model.finite import FiniteScan
from pipelines.model.tensors import read_header
from tests.unit.pipelines.model.artifacts import safetensors

NAN, INFINITY = float("nan"), float("inf")


def bad_in(content: bytes, piece: int) -> dict[str, int]:
    header = read_header(io.BytesIO(content), len(content))
    scan = FiniteScan(header)
    data = content[header.data_start :]
    for start in range(0, len(data), piece):
        scan.feed(data[start : start + piece])
    return scan.bad


@pytest.mark.parametrize("piece", [1, 3, 7, 8, 64, 10_000])
def test_counted_tensor_by_tensor(piece: int) -> None:
    single = np.array([1.0, NAN, -INFINITY, 3e38, -0.0], dtype=np.float32)
    half = np.array([NAN, 65504.0, 1.0], dtype=np.float16)
    double = np.array([INFINITY, 1e308], dtype=np.float64)
    content = safetensors(
        {
            "single": ("F32", [5], single.tobytes()),
            "half": ("F16", [3], half.tobytes()),
            "whole": ("I32", [2], b"\xff" * 8),
            "double": ("F64", [2], double.tobytes()),
            "fine": ("F32", [600], np.ones(600, dtype=np.float32).tobytes()),
        }
    )
    assert bad_in(content, piece) == {"single": 2, "half": 1, "double": 1}


@pytest.mark.parametrize(
    ("dtype", "data", "count"),
    [
        ("BF16", b"\x80\x7f\x80\xff\xc0\x7f\x7f\x7f\x80\x3f", 3),  # inf, -inf, nan, most, one
        ("F8_E5M2", b"\x7c\xfc\x7d\x7b\x00", 3),
        ("F8_E4M3", b"\x7f\xff\x7e\xfe\x00", 2),
    ],
)
def test_narrow_kinds(dtype: str, data: bytes, count: int) -> None:
    elements = len(data) // (2 if dtype == "BF16" else 1)
    assert bad_in(safetensors({"a": (dtype, [elements], data)}), 3) == {"a": count}
