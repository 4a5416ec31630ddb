"""Re-cutting loses nothing and respects no boundary."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from local.recut import Recutter


@given(st.lists(st.binary(min_size=1, max_size=300)), st.integers(0, 2**32))
def test_bytes_come_out_in_order_and_none_is_lost(chunks: list[bytes], seed: int) -> None:
    recutter = Recutter(seed)
    pieces = [piece for chunk in chunks for piece in recutter.feed(chunk)] + recutter.flush()
    assert b"".join(pieces) == b"".join(chunks)
    assert all(pieces)


@given(st.lists(st.binary(min_size=4, max_size=300), min_size=1), st.integers(0, 2**32))
def test_no_piece_ends_where_a_chunk_ends(chunks: list[bytes], seed: int) -> None:
    recutter = Recutter(seed)
    fed = sent = 0
    ends: set[int] = set()
    boundaries: set[int] = set()
    for chunk in chunks:
        for piece in recutter.feed(chunk):
            sent += len(piece)
            ends.add(sent)
        fed += len(chunk)
        boundaries.add(fed)
        assert sent < fed
    assert recutter.holds_bytes
