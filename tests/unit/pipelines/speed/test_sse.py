from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.speed.errors import StreamBroken
from pipelines.speed.sse import EventDecoder, parse_event

STREAM = (
    ": a comment\n\n"
    'data: {"text": "naïve 🌱 \u2028 still one line"}\n\n'
    "event: receipt\nid: 7\ndata: first\ndata: second\n\n"
    "data:no space\r\n\r\n"
    "data: [DONE]\n\n"
).encode()
EVENTS = ['{"text": "naïve 🌱 \u2028 still one line"}', "first\nsecond", "no space", "[DONE]"]


@given(st.lists(st.integers(0, len(STREAM)), max_size=40))
def test_events_are_the_same_however_the_bytes_are_cut(places: list[int]) -> None:
    bounds = [0, *sorted(places), len(STREAM)]
    decoder = EventDecoder()
    events: list[str] = []
    for start, end in itertools.pairwise(bounds):
        events += decoder.feed(STREAM[start:end])
    assert events == EVENTS


def test_an_event_without_its_blank_line_is_not_an_event() -> None:
    assert EventDecoder().feed(b"data: half\n") == []


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ("{not json", "not JSON"),
        ("[1, 2]", "JSON list"),
        ('{"error": "out of blocks"}', "out of blocks"),
        ('{"error": {"message": "engine died", "code": "engine_dead"}}', "engine died"),
        ('{"error": {"code": "engine_dead"}}', "engine_dead"),
    ],
)
def test_a_broken_event_says_what_is_wrong(data: str, sentence: str) -> None:
    with pytest.raises(StreamBroken, match=sentence):
        parse_event(data)
