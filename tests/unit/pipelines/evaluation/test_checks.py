from __future__ import annotations

import pytest

from pipelines.evaluation.checks import Answer, make_check, problems


def holds(name: str, value: object, text: str, reason: str = "stop") -> bool:
    return not make_check(name, value)(Answer(text, reason))


@pytest.mark.parametrize(
    ("name", "value", "good", "bad"),
    [
        ("contains", "Paris", "It is PARIS.", "It is Rome."),
        ("contains", ["7", "seven"], "Seven days.", "Eight days."),
        ("lacks", "sorry", "Yes.", "I am Sorry."),
        ("regex", r"\b43\b", "It is 43.", "It is 430."),
        ("equals", "yes", ' "Yes."', "yes and no"),
        ("equals", ["r", "the letter r"], "The  letter R", "e"),
        ("json", True, '{"a": 1}', '{"a": 1'),
        ("json", ["name", "age"], '```json\n{"name": "Ada", "age": 36}\n```', '{"name": "Ada"}'),
        ("json", True, "{}", "[1]"),
        ("max_words", 3, "one two three", "one two three four"),
        ("max_characters", 4, "four", "fiver"),
        ("min_characters", 4, "four", "two"),
        ("ascii", True, "plain", "naïve"),
        ("script", "latin", "Grüße, 2 mal", "你好世界"),
        ("script", "cyrillic", "Привет", "Hello"),
        ("repeats", False, "all of it is new, and none of it comes again", "so it goes " * 9),
        ("repeats", False, "a }\nb }\nc }", "the end\n" * 4),
    ],
)
def test_what_a_check_lets_pass_and_what_not(name: str, value: object, good: str, bad: str) -> None:
    assert holds(name, value, good)
    assert not holds(name, value, bad)


def test_an_answer_ends_by_itself_or_by_its_length() -> None:
    assert holds("ends", True, "x", "stop")
    assert not holds("ends", True, "x", "length")


def test_a_problem_says_what_was_found() -> None:
    checks = {"max_words": make_check("max_words", 2), "contains": make_check("contains", "b")}
    found = problems(Answer("a c d", "stop"), checks)
    assert found == ["max_words: it has 3 words, more than 2", "contains: it has none of 'b'"]


@pytest.mark.parametrize("text", ["", " \n"])
def test_an_empty_answer_passes_nothing(text: str) -> None:
    checks = {"max_words": make_check("max_words", 2)}
    assert problems(Answer(text, "stop"), checks) == ["the answer is empty"]


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("contain", "x", "there is no check 'contain'; known: contains"),
        ("contains", [], "takes a text or a list of texts"),
        ("contains", "", "not empty"),
        ("regex", "(", "no regular expression"),
        ("regex", ["a", "b"], "takes one text"),
        ("max_words", 0, "whole number from 1 on"),
        ("max_words", True, "whole number from 1 on"),
        ("ends", False, "can only be true"),
        ("repeats", True, "can only be false"),
        ("json", {"a": 1}, "takes a text or a list"),
    ],
)
def test_a_check_that_cannot_be_says_what_would_be_right(
    name: str, value: object, sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence.replace("(", r"\(")):
        make_check(name, value)
