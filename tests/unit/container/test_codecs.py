"""Bodies to Python values and back, without unpickling anything."""

from __future__ import annotations

import io
import pickle
from typing import Any

import numpy as np
import pytest
import scipy.sparse

from container import codecs
from container.errors import NotAcceptable, UnsupportedMediaType
from serving.errors import InvalidRequest


def npy(array: Any, **options: Any) -> bytes:
    packed = io.BytesIO()
    np.save(packed, array, **options)
    return packed.getvalue()


def test_numbers_in_json_become_an_array() -> None:
    assert np.array_equal(codecs.decode("[[1, 2], [3, 4]]", "application/json"), [[1, 2], [3, 4]])


@pytest.mark.parametrize("text", ['{"a": [1, 2]}', '"word"', "[[1], [2, 3]]", '[{"a": 1}]'])
def test_other_json_stays_what_it_is(text: str) -> None:
    value = codecs.decode(text, "application/json")
    assert not isinstance(value, np.ndarray)


def test_csv_and_npy_become_arrays() -> None:
    assert np.array_equal(codecs.decode("1,2\n3,4", "text/csv"), [[1, 2], [3, 4]])
    assert np.array_equal(codecs.decode(npy([1.5, 2]), "application/x-npy"), [1.5, 2])


def test_npz_is_a_sparse_matrix_or_named_arrays() -> None:
    sparse, named = io.BytesIO(), io.BytesIO()
    scipy.sparse.save_npz(sparse, scipy.sparse.csr_matrix(np.eye(2)))
    np.savez(named, a=np.array([1]))
    assert codecs.decode(sparse.getvalue(), "application/x-npz").shape == (2, 2)
    assert codecs.decode(named.getvalue(), "application/x-npz")["a"] == [1]


class Trap:
    """Runs code when it is unpickled."""

    sprung = False

    def __reduce__(self) -> tuple[Any, ...]:
        return (setattr, (Trap, "sprung", True))


def test_a_pickle_is_never_opened() -> None:
    objects = npy(np.array([Trap()], dtype=object), allow_pickle=True)
    for body in (objects, pickle.dumps(Trap())):
        with pytest.raises(InvalidRequest):
            codecs.decode(body, "application/x-npy")
    assert not Trap.sprung


@pytest.mark.parametrize("media", ["application/x-npy", "application/x-npz"])
def test_garbage_is_a_400(media: str) -> None:
    for body in (b"", b"garbage", npy([1, 2, 3])[:-5]):
        with pytest.raises(InvalidRequest) as caught:
            codecs.decode(body, media)
        assert caught.value.status == 400


def test_an_array_that_claims_to_be_huge_is_a_400() -> None:
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (10000000000000000,), }"
    header += b" " * (118 - len(header) - 1) + b"\n"
    body = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header
    with pytest.raises(InvalidRequest):
        codecs.decode(body, "application/x-npy")


def test_an_unknown_media_type_is_415_one_way_and_406_the_other() -> None:
    with pytest.raises(UnsupportedMediaType):
        codecs.decode(b"", "image/png")
    with pytest.raises(NotAcceptable):
        codecs.encode([1], "image/png")


def test_values_are_written() -> None:
    array = np.array([[1, 2], [3, 4]])
    assert codecs.encode({"a": array}, "application/json") == b'{"a":[[1,2],[3,4]]}'
    assert codecs.encode(array, "text/csv") == b"1,2\n3,4\n"
    assert np.array_equal(np.load(io.BytesIO(codecs.encode(array, "application/x-npy"))), array)


def test_a_value_without_a_form_is_406() -> None:
    with pytest.raises(NotAcceptable):
        codecs.encode(object(), "application/json")
    with pytest.raises(NotAcceptable):
        codecs.encode(object(), "application/x-npy")
