"""Incremental decoding: the pieces are the whole, and no piece has half a character."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from serving.engine.detokenizer import REPLACEMENT, IncrementalDecoder, decode_continuation
from serving.engine.stop_strings import StopStrings
from serving.tokenizer import Tokenizer

TRICKY = st.sampled_from(
    [
        "\U0001f600",  # four bytes
        "\U0001f469\u200d\U0001f469\u200d\U0001f467",  # a family joined by zero-width joiners
        "e\u0301",  # a combining accent
        "\u65e5\u672c\u8a9e",
        "\u200b",  # zero-width space
        "\u202eright to left\u202c",
        "\u0627\u0644\u0639\u0631\u0628\u064a\u0629",
        "\u20ac\u20ac",
        "\U000e0001",
        " ",
        "\n\n",
        "hello",
        " the quick",
        "don't",
    ]
)
TEXTS = st.lists(
    st.one_of(TRICKY, st.text(st.characters(exclude_categories=["Cs"]), max_size=6)), max_size=12
).map("".join)
FEW = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def pieces_of(tokenizer: Tokenizer, prompt: list[int], ids: list[int]) -> list[str]:
    decoder = IncrementalDecoder(tokenizer, prompt)
    pieces = [decoder.push(token_id) for token_id in ids]
    return [*pieces, decoder.finish()]


@FEW
@given(prompt=TEXTS, text=TEXTS)
def test_the_pieces_joined_are_the_decoded_whole(
    any_tokenizer: Tokenizer, prompt: str, text: str
) -> None:
    prompt_ids, ids = any_tokenizer.encode(prompt), any_tokenizer.encode(text)
    whole = any_tokenizer.decode(prompt_ids + ids)
    start = any_tokenizer.decode(prompt_ids)

    pieces = pieces_of(any_tokenizer, prompt_ids, ids)

    assert whole.startswith(start)
    assert "".join(pieces) == whole[len(start) :]


@FEW
@given(text=TEXTS)
def test_no_piece_of_whole_characters_has_a_broken_one(any_tokenizer: Tokenizer, text: str) -> None:
    ids = any_tokenizer.encode(text)
    assume(REPLACEMENT not in any_tokenizer.decode(ids))  # some vocabularies lack some bytes

    pieces = pieces_of(any_tokenizer, [], ids)

    assert not any(REPLACEMENT in piece for piece in pieces)


@FEW
@given(data=st.data())
def test_any_ids_at_all_decode_as_the_whole_of_them(
    byte_level_tokenizer: Tokenizer, data: st.DataObject
) -> None:
    """Broken bytes, special tokens and ids that no token has included."""
    some_ids = st.lists(st.integers(0, byte_level_tokenizer.vocab_size + 20), max_size=120)
    prompt, ids = data.draw(some_ids), data.draw(some_ids)

    pieces = pieces_of(byte_level_tokenizer, prompt, ids)

    assert "".join(pieces) == decode_continuation(byte_level_tokenizer, prompt, ids)


def test_random_ids_of_a_real_vocabulary(real_tokenizer: Tokenizer) -> None:
    ids = [(7919 * place * place + 13 * place) % real_tokenizer.vocab_size for place in range(3000)]

    assert "".join(pieces_of(real_tokenizer, [], ids)) == real_tokenizer.decode(ids)


def test_a_character_of_several_tokens_comes_when_it_is_complete(
    byte_level_tokenizer: Tokenizer,
) -> None:
    ids = byte_level_tokenizer.encode("\U00010348")
    assert len(ids) == 4

    assert pieces_of(byte_level_tokenizer, [], ids) == ["", "", "", "\U00010348", ""]


def test_text_before_half_a_character_does_not_wait_for_it(
    byte_level_tokenizer: Tokenizer,
) -> None:
    letter, first_byte = (
        byte_level_tokenizer.encode("x"),
        byte_level_tokenizer.encode("\U00010348")[:1],
    )

    assert pieces_of(byte_level_tokenizer, [], letter + first_byte) == ["x", "", REPLACEMENT]


def test_a_character_that_never_completes_ends_as_the_replacement_character(
    metaspace_tokenizer: Tokenizer,
) -> None:
    ids = metaspace_tokenizer.encode("a\U00010348")[:-1]

    assert "".join(pieces_of(metaspace_tokenizer, [], ids)) == metaspace_tokenizer.decode(ids)


def test_bytes_that_break_off_leave_the_character_before_them_alone(
    metaspace_tokenizer: Tokenizer,
) -> None:
    euro = metaspace_tokenizer.encode("\u20ac")
    letter = metaspace_tokenizer.encode("a")
    assert len(euro) == 3

    pieces = pieces_of(metaspace_tokenizer, [], euro + euro[:1] + letter)

    assert "".join(pieces) == f"\u20ac{REPLACEMENT}a"


def test_the_space_between_prompt_and_answer_is_kept(metaspace_tokenizer: Tokenizer) -> None:
    prompt = metaspace_tokenizer.encode("hello")
    answer = metaspace_tokenizer.encode(" world")
    assert metaspace_tokenizer.decode(answer) == "world"

    assert "".join(pieces_of(metaspace_tokenizer, prompt, answer)) == " world"


def test_a_space_after_a_special_token_in_mid_answer_is_kept(
    metaspace_tokenizer: Tokenizer,
) -> None:
    special = metaspace_tokenizer.encode("<|im_end|>")
    ids = [*metaspace_tokenizer.encode("hello"), *special * 3, *metaspace_tokenizer.encode(" you")]

    assert "".join(pieces_of(metaspace_tokenizer, [], ids)) == "hello you"


def test_endless_broken_bytes_are_given_and_forgotten(byte_level_tokenizer: Tokenizer) -> None:
    """What waits stays bounded, so that a token costs the same however long this goes on."""
    continuation_byte = byte_level_tokenizer.encode("\U00010348")[-1]
    decoder = IncrementalDecoder(byte_level_tokenizer, [])

    given_early = "".join(decoder.push(continuation_byte) for _ in range(1000))

    assert len(given_early) >= 1000 - 40
    assert len(decoder._pending) <= 40
    assert given_early + decoder.finish() == REPLACEMENT * 1000


def test_unknown_ids_have_no_text_and_do_not_pile_up(metaspace_tokenizer: Tokenizer) -> None:
    hello, world = metaspace_tokenizer.encode("hello"), metaspace_tokenizer.encode(" world")
    unknown = [metaspace_tokenizer.vocab_size + 5] * 500
    decoder = IncrementalDecoder(metaspace_tokenizer, hello)

    text = "".join(decoder.push(token_id) for token_id in unknown + world)

    assert text == " world"
    assert len(decoder._pending) <= 40


# Stop strings

LETTERS = st.text("ab", max_size=20)  # two letters: stop strings overlap with themselves often
STOPS = st.lists(st.text("ab", min_size=1, max_size=5), max_size=3)


def first_stop(text: str, stops: list[str]) -> tuple[str, str | None]:
    """The rule, written plainly: the first to be complete cuts, of several the longest."""
    for end in range(1, len(text) + 1):
        found = [stop for stop in stops if text[:end].endswith(stop)]
        if found:
            longest = max(found, key=len)
            return text[: end - len(longest)], longest
    return text, None


@settings(max_examples=300, deadline=None)
@given(text=LETTERS, stops=STOPS, cuts=st.lists(st.integers(0, 20), max_size=6))
def test_stop_strings_cut_the_same_however_the_text_arrives(
    text: str, stops: list[str], cuts: list[int]
) -> None:
    watcher = StopStrings(stops)
    edges = sorted({0, *(min(cut, len(text)) for cut in cuts), len(text)})
    shown = "".join(watcher.feed(text[a:b]) for a, b in pairwise(edges))
    shown += watcher.finish()

    assert (shown, watcher.matched) == first_stop(text, stops)


@settings(max_examples=300, deadline=None)
@given(text=LETTERS, stops=STOPS)
def test_no_more_is_held_back_than_may_become_a_stop_string(text: str, stops: list[str]) -> None:
    watcher = StopStrings(stops)
    shown = ""
    for end, character in enumerate(text, start=1):
        shown += watcher.feed(character)
        if watcher.matched is not None:
            break
        held = text[len(shown) : end]
        assert not held or any(stop.startswith(held) for stop in stops)


@pytest.mark.parametrize("text", ["stop", "stopping", "\u65e5stop"])
def test_nothing_of_the_stop_string_is_shown(text: str) -> None:
    watcher = StopStrings(["stop", "\u65e5stop"])

    assert "".join(watcher.feed(character) for character in text) + watcher.finish() == ""


def test_a_long_stop_string_of_repetitions_costs_no_more_than_its_length() -> None:
    watcher = StopStrings(["a" * 20_000 + "b"])

    shown = watcher.feed("a" * 40_000)

    assert len(shown) == 20_000


@FEW
@given(context=TEXTS, text=TEXTS)
def test_a_piece_is_the_same_after_any_text_or_there_is_none(
    any_tokenizer: Tokenizer, context: str, text: str
) -> None:
    before = any_tokenizer.encode(context)
    assume(REPLACEMENT not in any_tokenizer.decode(before))
    for token_id in any_tokenizer.encode(text):
        piece = any_tokenizer.piece(token_id)
        if piece:
            whole = any_tokenizer.decode([*before, token_id])
            assert whole == any_tokenizer.decode(before) + piece


def test_most_tokens_of_a_byte_level_tokenizer_have_a_piece(real_tokenizer: Tokenizer) -> None:
    ids = real_tokenizer.encode("The quick brown fox jumps over the lazy dog.\n")
    assert "".join(map(real_tokenizer.piece, ids)) == real_tokenizer.decode(ids)
    (end,) = real_tokenizer.encode("<|im_end|>")
    assert real_tokenizer.piece(end) == ""
