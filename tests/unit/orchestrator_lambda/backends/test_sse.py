"""Events out of bytes, however they are cut."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_lambda.backends.failures import AnswerBroken
from orchestrator_lambda.backends.sse import SseParser

STREAM = ': hello\ndata: {"text":"Grüße 👋"}\n\n: waiting\n\nevent: x\nid: 7\ndata: a\ndata:b\n\n'
EVENTS = ['{"text":"Grüße 👋"}', "a\nb"]


def parse(*chunks: bytes, max_bytes: int = 1024) -> list[str]:
    parser = SseParser(max_bytes)
    return [event for chunk in chunks for event in parser.feed(chunk)]


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_every_cut_into_two_gives_the_same_events(ending: str) -> None:
    raw = STREAM.replace("\n", ending).encode()
    for cut in range(len(raw) + 1):
        assert parse(raw[:cut], raw[cut:]) == EVENTS, cut


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_single_bytes_give_the_same_events(ending: str) -> None:
    raw = STREAM.replace("\n", ending).encode()
    assert parse(*(raw[at : at + 1] for at in range(len(raw)))) == EVENTS


@given(st.lists(st.integers(0, 100)), st.lists(st.sampled_from(["\n", "\r\n", "\r"]), min_size=9))
def test_any_cuts_and_mixed_line_ends_give_the_same_events(
    cuts: list[int], endings: list[str]
) -> None:
    lines = STREAM.split("\n")[:-1]
    raw = "".join(line + ending for line, ending in zip(lines, endings * 2, strict=False)).encode()
    if "\r" in endings and "\n" in endings:  # a CR before an LF would be one line end
        raw = raw.replace(b"\r\n", b"\n")
    places = sorted({cut for cut in cuts if cut < len(raw)} | {0, len(raw)})
    pieces = [raw[a:b] for a, b in itertools.pairwise(places)]
    assert parse(*pieces) == parse(raw)


def test_an_event_that_the_end_cut_off_is_not_given() -> None:
    assert parse(b"data: a\n\ndata: b\n") == ["a"]


def test_a_byte_order_mark_at_the_start_is_no_part_of_a_name() -> None:
    assert parse(b"\xef\xbb", b"\xbfdata: a\n\n") == ["a"]


def test_one_space_after_the_colon_is_no_part_of_the_value() -> None:
    assert parse(b"data:  a\n\ndata\n\n") == [" a", ""]


def test_empty_chunks_change_nothing() -> None:
    assert parse(b"data: a\r", b"", b"\n\r\n") == ["a"]


def test_invalid_utf8_is_garbage() -> None:
    with pytest.raises(AnswerBroken) as broken:
        parse(b"data: \xff\n\n")
    assert broken.value.reason == "garbage"


@pytest.mark.parametrize(
    "endless", [[b"data: " + b"x" * 99] * 20, [b"data: y\n"] * 400, [b"z" * 2000]]
)
def test_an_endless_event_is_not_held(endless: list[bytes]) -> None:
    with pytest.raises(AnswerBroken, match="endless"):
        parse(*endless)


def test_many_events_and_comments_are_no_endless_event() -> None:
    assert len(parse(*[b": waiting\n\n" * 50, b"data: x\n\n" * 50] * 100)) == 5000
    assert parse(*[b": comment\n"] * 5000) == []
