"""Headers of safetensors, valid and as an enemy would write them."""

from __future__ import annotations

import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.model.tensors import HeaderError, parse_header, read_header
from tests.unit.pipelines.model.artifacts import raw_safetensors, safetensors


def read(content: bytes) -> Any:
    return read_header(io.BytesIO(content), len(content))


def one(dtype: object = "F32", shape: object = (2,), offsets: object = (0, 8)) -> dict[str, Any]:
    return {"a": {"dtype": dtype, "shape": shape, "data_offsets": offsets}}


def test_a_valid_file_gives_its_tensors_in_the_order_of_their_bytes() -> None:
    header = read(
        safetensors(
            {"z": ("BF16", [2, 3], bytes(12)), "a": ("I64", [], bytes(8)), "e": ("F32", [0], b"")},
            metadata={"format": "pt"},
        )
    )
    facts = [(tensor.name, tensor.dtype, tensor.elements) for tensor in header.tensors]
    assert sorted(facts) == [("a", "I64", 1), ("e", "F32", 0), ("z", "BF16", 6)]
    assert [tensor.begin for tensor in header.tensors] == sorted(
        tensor.begin for tensor in header.tensors
    )


def test_four_bit_numbers_fill_whole_bytes() -> None:
    assert read(safetensors({"a": ("F4", [4], bytes(2))})).tensors[0].num_bytes == 2
    with pytest.raises(HeaderError, match="other bytes"):
        read(safetensors({"a": ("F4", [3], bytes(2))}))


@pytest.mark.parametrize(
    ("header", "data", "sentence"),
    [
        (b"[]", b"", "not a JSON object"),
        (b"{", b"", "not JSON"),
        (b'{"a":' * 100_000, b"", "not JSON"),
        ({}, b"", "holds no tensor"),
        ({"__metadata__": {"a": 1}, **one()}, bytes(8), "not a map of texts"),
        ({"__metadata__": [], **one()}, bytes(8), "not a map of texts"),
        ({"a": []}, b"", "other fields"),
        ({"a": {"dtype": "F32"}}, b"", "other fields"),
        (one(dtype="OBJECT"), bytes(8), "dtype that safetensors does not know"),
        (one(dtype=["F32"]), bytes(8), "dtype that safetensors does not know"),
        (one(shape=[-2]), bytes(8), "no natural numbers"),
        (one(shape=[2.0]), bytes(8), "no natural numbers"),
        (one(shape=[True, 2]), bytes(8), "no natural numbers"),
        (one(shape="2"), bytes(8), "no natural numbers"),
        (one(offsets=[0]), bytes(8), "no natural numbers"),
        (one(offsets=[8, 0]), bytes(8), "other bytes"),
        (one(shape=[3]), bytes(8), "other bytes"),
        (one(shape=[2**63, 2**63], offsets=[0, 0]), b"", "other bytes"),
        (one(shape=[10] * 5000), bytes(8), "other bytes"),
        (one(), bytes(4), "is cut off: 4 bytes of tensors, and its header says 8"),
        (one(), bytes(9), "has bytes after its last tensor"),
        (one(offsets=[1, 9]), bytes(9), "leaves a hole"),
        (one() | {"b": one()["a"]}, bytes(8), "overlaps"),
        (b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},'
         b'"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}', bytes(4), "names 'a' twice"),
        (b"{\xff}", b"", "not JSON"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(header: object, data: bytes, sentence: str) -> None:
    with pytest.raises(HeaderError, match=sentence):
        read(raw_safetensors(header, data))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "too short"),
        (b"1234567", "too short"),
        (b"\xff" * 8, "its header would be"),
        ((100).to_bytes(8, "little") + b"{}", "cut off inside its header"),
        (b"\x80\x04\x95\x00\x00\x00\x00\x00rest", "not safetensors|cut off"),
    ],
)
def test_what_is_no_safetensors_at_all(content: bytes, sentence: str) -> None:
    with pytest.raises(HeaderError, match=sentence):
        read(content)


@given(st.binary(max_size=300))
def test_no_bytes_do_more_than_raise_a_header_error(content: bytes) -> None:
    try:
        parse_header(content, 8 + len(content))
        read(content)
    except HeaderError:
        pass
