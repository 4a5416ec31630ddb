"""A conversation's next turn gets the very ids that were generated, and never anybody else's."""

from __future__ import annotations

import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from serving.engine.transcript import TranscriptCache
from serving.tokenizer import Tokenizer

END = "<|im_end|>"
ANSWER = "hello there, the quick brown fox"


@pytest.fixture(params=["byte_level_tokenizer", "metaspace_tokenizer", "real_tokenizer"])
def tokenizer(request: pytest.FixtureRequest) -> Tokenizer:
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Tokenizer)
    return found


def ask(question: str) -> str:
    return f"<|im_start|>user\n{question}{END}\n<|im_start|>assistant\n"


def follow_up(question: str) -> str:
    return f"{END}\n{ask(question)}"


def letter_by_letter(tokenizer: Tokenizer, text: str) -> list[int]:
    """A spelling that a model may generate and the tokenizer never gives."""
    ids = [token_id for letter in text for token_id in tokenizer.encode(letter)]
    assert ids != tokenizer.encode(text)
    return ids


def test_the_answer_is_reused_as_it_was_generated(tokenizer: Tokenizer) -> None:
    cache = TranscriptCache(tokenizer)
    prompt = ask("hi")
    prompt_ids = cache.encode(prompt)
    answer_ids = letter_by_letter(tokenizer, ANSWER)
    cache.remember(prompt, prompt_ids, ANSWER, answer_ids)

    next_ids = cache.encode(prompt + ANSWER + follow_up("and then?"))

    assert next_ids == prompt_ids + answer_ids + tokenizer.encode(follow_up("and then?"))


def test_a_long_conversation_keeps_every_turn_and_costs_its_length_once(
    tokenizer: Tokenizer,
) -> None:
    cache = TranscriptCache(tokenizer)
    text, expected = "", list[int]()
    for turn in range(8):
        asked = follow_up(f"question {turn}") if turn else ask("question")
        prompt, expected = text + asked, expected + tokenizer.encode(asked)
        assert cache.encode(prompt) == expected
        answer_ids = letter_by_letter(tokenizer, ANSWER)
        cache.remember(prompt, expected, ANSWER, answer_ids)
        text, expected = prompt + ANSWER, expected + answer_ids

    assert len(cache) == 8
    assert cache.num_tokens == len(expected)


def test_another_answer_to_the_same_question_still_reuses_the_turns_before(
    tokenizer: Tokenizer,
) -> None:
    cache = TranscriptCache(tokenizer)
    first = letter_by_letter(tokenizer, ANSWER)
    prompt = ask("hi")
    cache.remember(prompt, cache.encode(prompt), ANSWER, first)
    second_prompt = prompt + ANSWER + follow_up("more")
    second_ids = cache.encode(second_prompt)
    cache.remember(second_prompt, second_ids, "one way", letter_by_letter(tokenizer, "one way"))

    assert cache.encode(second_prompt) == second_ids
    edited = second_prompt + "another way" + follow_up("so?")
    assert cache.encode(edited)[: len(second_ids)] == second_ids


@pytest.mark.parametrize("salt", ["", "tenant-b", "tenant-a\0"])
def test_tenants_never_meet(byte_level_tokenizer: Tokenizer, salt: str) -> None:
    cache = TranscriptCache(byte_level_tokenizer)
    prompt = ask("hi")
    answer_ids = letter_by_letter(byte_level_tokenizer, ANSWER)
    cache.remember(prompt, byte_level_tokenizer.encode(prompt), ANSWER, answer_ids, "tenant-a")
    text = prompt + ANSWER + follow_up("more")

    assert cache.encode(text, salt) == byte_level_tokenizer.encode(text)
    assert cache.encode(text, "tenant-a") != byte_level_tokenizer.encode(text)


def test_salt_and_text_cannot_be_shifted_against_each_other(
    byte_level_tokenizer: Tokenizer,
) -> None:
    cache = TranscriptCache(byte_level_tokenizer)
    answer_ids = letter_by_letter(byte_level_tokenizer, ANSWER)
    cache.remember("b", byte_level_tokenizer.encode("b"), ANSWER, answer_ids, "a")

    assert cache.encode("ab" + ANSWER + END) == byte_level_tokenizer.encode("ab" + ANSWER + END)


@pytest.mark.parametrize("tail", ["", " and more", "!", "\n"])
def test_a_text_that_goes_on_otherwise_is_encoded_anew(tokenizer: Tokenizer, tail: str) -> None:
    """Only a special token is a border that no token reaches across."""
    cache = TranscriptCache(tokenizer)
    prompt = ask("hi")
    cache.remember(prompt, tokenizer.encode(prompt), ANSWER, letter_by_letter(tokenizer, ANSWER))

    assert cache.encode(prompt + ANSWER + tail) == tokenizer.encode(prompt + ANSWER + tail)


def test_an_answer_cut_by_length_is_reused(tokenizer: Tokenizer) -> None:
    cache = TranscriptCache(tokenizer)
    prompt, cut = ask("hi"), ANSWER[:-2]
    ids = letter_by_letter(tokenizer, cut)
    cache.remember(prompt, tokenizer.encode(prompt), cut, ids)

    expected = tokenizer.encode(prompt) + ids
    assert cache.encode(prompt + cut + follow_up("go on"))[: len(expected)] == expected


def test_an_answer_cut_by_a_stop_string_is_reused_as_far_as_its_tokens_reach(
    tokenizer: Tokenizer,
) -> None:
    cache = TranscriptCache(tokenizer)
    prompt = ask("hi")
    ids = letter_by_letter(tokenizer, ANSWER)[:5]
    cache.remember(prompt, tokenizer.encode(prompt), ANSWER, ids)

    encoded = cache.encode(prompt + ANSWER + END)

    expected = tokenizer.encode(prompt) + ids
    assert encoded[: len(expected)] == expected
    assert tokenizer.decode(encoded) == tokenizer.decode(tokenizer.encode(prompt + ANSWER))


def test_a_closing_token_is_not_doubled(tokenizer: Tokenizer) -> None:
    cache = TranscriptCache(tokenizer)
    prompt, end = ask("hi"), tokenizer.encode(END)
    ids = letter_by_letter(tokenizer, ANSWER)
    cache.remember(prompt, tokenizer.encode(prompt), ANSWER, ids + end)

    assert cache.encode(prompt + ANSWER + END) == tokenizer.encode(prompt) + ids + end


def test_ids_that_do_not_spell_the_answer_are_not_remembered(tokenizer: Tokenizer) -> None:
    cache = TranscriptCache(tokenizer)
    prompt = ask("hi")

    cache.remember(prompt, tokenizer.encode(prompt), ANSWER, tokenizer.encode("other words"))
    cache.remember(prompt, tokenizer.encode(prompt), "", tokenizer.encode(END))

    assert len(cache) == 0


def test_half_a_character_at_the_end_of_an_answer_stays_half(
    byte_level_tokenizer: Tokenizer,
) -> None:
    """The client sends back the U+FFFD that it was shown; the model goes on from its own bytes."""
    cache = TranscriptCache(byte_level_tokenizer)
    prompt = ask("hi")
    ids = byte_level_tokenizer.encode("a\U00010348")[:-1]
    shown = byte_level_tokenizer.decode(ids)
    cache.remember(prompt, byte_level_tokenizer.encode(prompt), shown, ids)

    expected = byte_level_tokenizer.encode(prompt) + ids
    assert cache.encode(prompt + shown + END)[:-1] == expected


PARTS = st.lists(
    st.sampled_from(
        ["<|im_start|>", END, "<|im_", "end|>", "<|endoftext|>", "hello", " ", "\n", "a"]
    ),
    max_size=8,
).map("".join)


WORDS = st.lists(st.sampled_from(["hello", " the", " ", "\n", "a"]), max_size=6).map("".join)


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(turns=st.lists(st.tuples(PARTS, WORDS), min_size=1, max_size=4), tail=PARTS)
def test_special_tokens_spelled_out_by_users_change_nothing(
    byte_level_tokenizer: Tokenizer, turns: list[tuple[str, str]], tail: str
) -> None:
    """Answers in the tokenizer's own spelling: the cache must then be invisible."""
    cache = TranscriptCache(byte_level_tokenizer)
    text = ""
    for question, answer in turns:
        text += question + "<|im_start|>"
        prompt_ids = cache.encode(text)
        assert prompt_ids == byte_level_tokenizer.encode(text)
        cache.remember(text, prompt_ids, answer, byte_level_tokenizer.encode(answer))
        text += answer + END

    assert cache.encode(text + tail) == byte_level_tokenizer.encode(text + tail)


def test_a_special_token_that_the_model_spelled_in_letters_stays_letters(
    byte_level_tokenizer: Tokenizer,
) -> None:
    """Encoding it anew would put a control token into the history that nobody sent."""
    cache = TranscriptCache(byte_level_tokenizer)
    prompt, answer = ask("how does a turn end?"), f"with {END}, of course"
    ids = [token_id for letter in answer for token_id in byte_level_tokenizer.encode(letter)]
    cache.remember(prompt, byte_level_tokenizer.encode(prompt), answer, ids)

    encoded = cache.encode(prompt + answer + END)

    assert encoded == byte_level_tokenizer.encode(prompt) + ids + byte_level_tokenizer.encode(END)


def test_a_prompt_encoded_before_its_turns_were_known_keeps_its_own_ids(
    byte_level_tokenizer: Tokenizer,
) -> None:
    cache = TranscriptCache(byte_level_tokenizer)
    first, answer_ids = ask("hi"), letter_by_letter(byte_level_tokenizer, ANSWER)
    second = first + ANSWER + follow_up("more")
    second_ids = cache.encode(second)
    cache.remember(first, byte_level_tokenizer.encode(first), ANSWER, answer_ids)

    cache.remember(second, second_ids, ANSWER, answer_ids)

    assert cache.encode(second + ANSWER + END)[:-1] == second_ids + answer_ids


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(question=PARTS, tail=PARTS)
def test_what_is_reused_reads_as_the_text_it_stands_for(
    byte_level_tokenizer: Tokenizer, question: str, tail: str
) -> None:
    tokenizer = byte_level_tokenizer
    cache = TranscriptCache(tokenizer)
    prompt = ask(question)
    cache.remember(prompt, cache.encode(prompt), ANSWER, letter_by_letter(tokenizer, ANSWER))
    text = prompt + ANSWER + END + tail

    decoded = tokenizer.decode(cache.encode(text), skip_special_tokens=False)

    assert decoded == text


# Bounds


def talk(cache: TranscriptCache, tokenizer: Tokenizer, name: str, turns: int) -> str:
    text = ask(name)
    for turn in range(turns):
        ids = letter_by_letter(tokenizer, ANSWER)
        cache.remember(text, cache.encode(text), ANSWER, ids)
        text += ANSWER + follow_up(f"{name} {turn}")
    return text


def test_the_conversation_that_rested_longest_is_forgotten_first(
    byte_level_tokenizer: Tokenizer,
) -> None:
    cache = TranscriptCache(byte_level_tokenizer, max_entries=4)
    old = talk(cache, byte_level_tokenizer, "old", 2)
    used = talk(cache, byte_level_tokenizer, "used", 2)
    cache.encode(old)
    cache.encode(used)
    talk(cache, byte_level_tokenizer, "new", 2)

    assert len(cache) == 4
    assert cache.encode(old) == byte_level_tokenizer.encode(old)
    assert cache.encode(used) != byte_level_tokenizer.encode(used)


def test_of_one_conversation_the_latest_turn_is_forgotten_first(
    byte_level_tokenizer: Tokenizer,
) -> None:
    """What is kept of it can then still be found: a turn needs those before it."""
    cache = TranscriptCache(byte_level_tokenizer, max_entries=3)
    text = talk(cache, byte_level_tokenizer, "long", 3)
    whole = cache.encode(text)
    talk(cache, byte_level_tokenizer, "new", 1)

    partly = cache.encode(text)

    assert byte_level_tokenizer.decode(partly) == byte_level_tokenizer.decode(whole)
    assert len(byte_level_tokenizer.encode(text)) < len(partly) < len(whole)


def test_ids_are_bounded_too(byte_level_tokenizer: Tokenizer) -> None:
    cache = TranscriptCache(byte_level_tokenizer, max_tokens=200)
    for name in range(20):
        talk(cache, byte_level_tokenizer, f"conversation {name}", 2)
        assert 0 < cache.num_tokens <= 200


def test_one_turn_beyond_the_bound_does_not_drive_out_the_others(
    byte_level_tokenizer: Tokenizer,
) -> None:
    cache = TranscriptCache(byte_level_tokenizer, max_tokens=200)
    small = talk(cache, byte_level_tokenizer, "small", 1)
    huge = ask("the " * 500)
    cache.remember(huge, cache.encode(huge), ANSWER, letter_by_letter(byte_level_tokenizer, ANSWER))

    assert cache.encode(small) != byte_level_tokenizer.encode(small)


def test_many_threads_find_their_own_conversations(byte_level_tokenizer: Tokenizer) -> None:
    cache = TranscriptCache(byte_level_tokenizer, max_entries=40)
    failures: list[str] = []

    def converse(name: str) -> None:
        for _ in range(10):
            text = talk(cache, byte_level_tokenizer, name, 3)
            decoded = byte_level_tokenizer.decode(cache.encode(text), skip_special_tokens=False)
            if decoded != text:
                failures.append(name)

    threads = [threading.Thread(target=converse, args=(f"t{i}",)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert not failures
    assert len(cache) <= 40
    assert cache.num_tokens == sum(len(turn.ids) for turn in cache._turns.values())
    kept = set(cache._turns.values())
    assert all(turn.parent is None or turn.parent in kept for turn in kept)
