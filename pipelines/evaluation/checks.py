"""What an answer is held against. A check says what is wrong with it, or nothing.

| key in a suite       | holds when the answer                                            |
| -------------------- | ---------------------------------------------------------------- |
| contains             | has this text, or one of these; upper and lower case are one      |
| lacks                | has none of these                                                 |
| regex                | has a place that matches                                          |
| equals               | is this, or one of these, but for case, space and a final stop    |
| json                 | is a JSON object (true), with these keys                          |
| max_words            | has so many words at most                                         |
| max_characters       | has so many characters at most                                    |
| min_characters       | has so many at least                                              |
| ends                 | ends by itself, not by its length                                 |
| ascii                | is ASCII alone                                                    |
| script               | has nine letters of ten in this script, such as "latin"           |
| repeats              | (false) does not go round in circles                              |

An empty answer passes no prompt, whatever its checks.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

SCRIPT_SHARE = 0.9
SHINGLE_WORDS = 6
MOST_SHINGLES = 2  # the same six words in a row, so often
FENCE = re.compile(r"\A```\w*\n(.*?)\n?```\Z", re.DOTALL)


@dataclass(frozen=True)
class Answer:
    """What came for a prompt; `finish_reason` is OpenAI's: `stop`, `length`, ..."""

    text: str
    finish_reason: str


Check = Callable[[Answer], str]
"""The problem in a few words; empty when there is none."""


def make_check(name: str, value: object) -> Check:
    """The check of a suite's key.

    Raises:
        ValueError: there is no such check, or it cannot have this value; says what would be right.
    """
    if name not in _MAKERS:
        raise ValueError(f"there is no check {name!r}; known: {', '.join(_MAKERS)}")
    return _MAKERS[name](value)


def problems(answer: Answer, checks: dict[str, Check]) -> list[str]:
    """What is wrong, one sentence a check."""
    if not answer.text.strip():
        return ["the answer is empty"]
    return [f"{name}: {said}" for name, check in checks.items() if (said := check(answer))]


def _contains(value: object) -> Check:
    wanted = _texts(value)

    def check(answer: Answer) -> str:
        text = answer.text.casefold()
        found = any(one.casefold() in text for one in wanted)
        return "" if found else f"it has none of {_listed(wanted)}"

    return check


def _lacks(value: object) -> Check:
    unwanted = _texts(value)

    def check(answer: Answer) -> str:
        text = answer.text.casefold()
        found = [one for one in unwanted if one.casefold() in text]
        return f"it has {_listed(found)}" if found else ""

    return check


def _regex(value: object) -> Check:
    (pattern,) = _texts(value, single=True)
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise ValueError(f"{pattern!r} is no regular expression: {error}") from error
    return lambda answer: "" if compiled.search(answer.text) else f"nothing matches {pattern}"


def _equals(value: object) -> Check:
    wanted = _texts(value)
    bare = {_bare(one) for one in wanted}
    return lambda answer: "" if _bare(answer.text) in bare else f"it is not {_listed(wanted)}"


def _json(value: object) -> Check:
    keys = [] if value is True else _texts(value)

    def check(answer: Answer) -> str:
        text = answer.text.strip()
        fenced = FENCE.match(text)
        try:
            content = json.loads(fenced.group(1) if fenced else text)
        except (ValueError, RecursionError) as error:
            return f"it is no JSON: {error}"
        if not isinstance(content, dict):
            return f"it is a JSON {type(content).__name__}, no object"
        missing = [key for key in keys if key not in content]
        return f"it lacks the key {_listed(missing)}" if missing else ""

    return check


def _max_words(value: object) -> Check:
    most = _count(value)

    def check(answer: Answer) -> str:
        words = len(answer.text.split())
        return f"it has {words} words, more than {most}" if words > most else ""

    return check


def _max_characters(value: object) -> Check:
    most = _count(value)

    def check(answer: Answer) -> str:
        size = len(answer.text.strip())
        return f"it has {size} characters, more than {most}" if size > most else ""

    return check


def _min_characters(value: object) -> Check:
    least = _count(value)

    def check(answer: Answer) -> str:
        size = len(answer.text.strip())
        return f"it has {size} characters, fewer than {least}" if size < least else ""

    return check


def _ends(value: object) -> Check:
    _require_flag(value, True)
    return lambda answer: (
        "" if answer.finish_reason == "stop" else f"it ended by {answer.finish_reason!r}"
    )


def _ascii(value: object) -> Check:
    _require_flag(value, True)
    return lambda answer: "" if answer.text.isascii() else "it has characters beyond ASCII"


def _script(value: object) -> Check:
    (script,) = _texts(value, single=True)
    prefix = script.upper()

    def check(answer: Answer) -> str:
        letters = [one for one in answer.text if one.isalpha()]
        own = sum(unicodedata.name(one, "").startswith(prefix) for one in letters)
        share = own / len(letters) if letters else 0.0
        return "" if share >= SCRIPT_SHARE else f"{share:.0%} of its letters are {script}"

    return check


def _repeats(value: object) -> Check:
    _require_flag(value, False)
    return lambda answer: "it says the same again and again" if _circles(answer.text) else ""


def _circles(text: str) -> bool:
    """Whether the same six words in a row come more than twice, or a line more than thrice."""
    words = text.casefold().split()
    rows = (tuple(words[at : at + SHINGLE_WORDS]) for at in range(len(words) - SHINGLE_WORDS + 1))
    lines = Counter(line.strip() for line in text.splitlines() if len(line.split()) > 1)
    most_rows = max(Counter(rows).values(), default=0)
    return most_rows > MOST_SHINGLES or max(lines.values(), default=0) > MOST_SHINGLES + 1


def _texts(value: object, *, single: bool = False) -> list[str]:
    texts = [value] if isinstance(value, str) else value
    if single and not isinstance(value, str):
        raise ValueError(f"it takes one text, got {value!r}")
    if not isinstance(texts, list) or not texts:
        raise ValueError(f"it takes a text or a list of texts, got {value!r}")
    if not all(isinstance(one, str) and one for one in texts):
        raise ValueError(f"it takes texts that are not empty, got {value!r}")
    return texts


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError(f"it takes a whole number from 1 on, got {value!r}")
    return value


def _require_flag(value: object, only: bool) -> None:
    if value is not only:
        raise ValueError(f"it can only be {str(only).lower()}; leave it away otherwise")


def _bare(text: str) -> str:
    return " ".join(text.casefold().split()).strip(" .!\"'`*")


def _listed(texts: list[str]) -> str:
    return ", ".join(repr(one) for one in texts)


_MAKERS: dict[str, Callable[[object], Check]] = {
    "contains": _contains,
    "lacks": _lacks,
    "regex": _regex,
    "equals": _equals,
    "json": _json,
    "max_words": _max_words,
    "max_characters": _max_characters,
    "min_characters": _min_characters,
    "ends": _ends,
    "ascii": _ascii,
    "script": _script,
    "repeats": _repeats,
}
