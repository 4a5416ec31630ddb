from __future__ import annotations

import io

import pytest

from local.chunked_body import ChunkedBody, ChunkedBodyError


def read(raw):
    body = ChunkedBody(io.BytesIO(raw))
    return b"".join(body), body.trailers


def test_chunks_and_trailers():
    raw = b"3\r\nabc\r\nA;ext=1\r\n0123456789\r\n0\r\nX-One: 1\r\nX-TWO:2\r\n\r\nnext request"
    assert read(raw) == (b"abc0123456789", {"x-one": "1", "x-two": "2"})


def test_no_trailers():
    assert read(b"0\r\n\r\n") == (b"", {})


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"3\r\nab",
        b"3\r\nabc",
        b"3\r\nabcd\r\n0\r\n\r\n",
        b"x\r\nabc\r\n0\r\n\r\n",
        b"3\r\nabc\r\n0\r\n",
        b"3\r\nabc\r\n0\r\nX: 1\r\n",
        b"\r\n",
        b"-1\r\nabc",
        b"1_0\r\nabc",
        b"0\r\n" + b"A: 1\r\n" * 100 + b"\r\n",
    ],
)
def test_a_body_that_is_cut_short_or_misframed(raw):
    with pytest.raises(ChunkedBodyError):
        read(raw)
