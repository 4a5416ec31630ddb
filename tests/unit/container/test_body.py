"""Reading bodies."""

from __future__ import annotations

import io

import pytest
from gunicorn.http.errors import InvalidChunkSize

from container.body import read_body
from container.errors import BodyTimeout, ClientGone, PayloadTooLarge
from serving.errors import InvalidRequest


class Failing:
    def __init__(self, error: Exception) -> None:
        self._error = error

    def read(self, size: int, /) -> bytes:
        raise self._error


def test_a_body_up_to_the_limit_is_read_whole() -> None:
    assert read_body(io.BytesIO(b"x" * 100), 100, limit=100) == b"x" * 100
    assert read_body(io.BytesIO(b"x"), None, limit=100) == b"x"


@pytest.mark.parametrize("length", [None, 200_000])
def test_a_larger_one_is_refused_after_being_read_to_its_end(length: int | None) -> None:
    source = io.BytesIO(b"x" * 200_000)
    with pytest.raises(PayloadTooLarge):
        read_body(source, length, limit=1024)
    assert source.read() == b""


def test_a_body_shorter_than_it_says_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="3 of the 10"):
        read_body(io.BytesIO(b"abc"), 10, limit=100)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (TimeoutError("timed out"), BodyTimeout),
        (ConnectionResetError(104, "reset"), ClientGone),
        (OSError("chunk without end"), InvalidRequest),
        (InvalidChunkSize(b"zz"), InvalidRequest),
    ],
)
def test_a_broken_upload_is_named(error: Exception, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        read_body(Failing(error), 10, limit=100)
