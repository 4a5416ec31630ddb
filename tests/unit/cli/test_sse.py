"""Server-sent events come whole out of bytes cut anywhere."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.sse import SseParser

TEXT = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), min_size=1)


def parse(chunks: list[bytes]) -> list[str]:
    parser = SseParser()
    return [event for chunk in chunks for event in parser.feed(chunk)]


@given(
    st.lists(TEXT, max_size=5),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.lists(st.integers(1, 6), min_size=1),
)
def test_every_cut_gives_the_same_events(texts: list[str], end: str, sizes: list[int]) -> None:
    stream = "".join(f"data: {text}{end}{end}" for text in texts).encode()
    chunks = []
    while stream:
        size = sizes[len(chunks) % len(sizes)]
        chunks.append(stream[:size])
        stream = stream[size:]
    chunks.append(b"\n")  # lets a final CR go
    assert parse(chunks) == texts


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        (b"data: a\ndata: b\n\n", ["a\nb"]),
        (b": comment\n\ndata: a\n\n", ["a"]),
        (b"event: x\nid: 1\ndata:a\n\n", ["a"]),
        (b"data:  two spaces\n\n", [" two spaces"]),
        (b"data: cut off", []),
        (b"data: cut off\n", []),
        (b"\n\n\n", []),
    ],
)
def test_fields(stream: bytes, events: list[str]) -> None:
    assert parse([stream]) == events


def test_an_endless_line_is_refused() -> None:
    parser = SseParser()
    with pytest.raises(ValueError, match="16 MiB"):
        for _ in range(20):
            list(parser.feed(b"x" * (1 << 20)))
