from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipelines.errors import SettingsError
from pipelines.evaluation.suite import SHIPPED, load_suite, load_suites

GOOD = """
name = "support"

[[prompt]]
name = "hours"
turns = ["We open at nine.", "When do you open?"]
system = "Be brief."
contains = "nine"
"""


def written(folder: Path, text: str, name: str = "suite.toml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_suite_in_toml(tmp_path: Path) -> None:
    suite = load_suite(written(tmp_path, GOOD))
    (prompt,) = suite.prompts
    assert (suite.name, prompt.name, prompt.system) == ("support", "hours", "Be brief.")
    assert prompt.turns == ("We open at nine.", "When do you open?")
    assert list(prompt.checks) == ["contains"]


def test_the_same_suite_in_json_has_the_same_digest(tmp_path: Path) -> None:
    prompt = {
        "name": "hours",
        "turns": ["We open at nine.", "When do you open?"],
        "system": "Be brief.",
        "contains": "nine",
    }
    content = json.dumps({"name": "support", "prompt": [prompt]})
    as_json = load_suite(written(tmp_path, content, "suite.json"))
    assert as_json.digest == load_suite(written(tmp_path, GOOD)).digest


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("name = ", "is no TOML"),
        ('[[prompt]]\nname = "x"', "name must be a word of lower-case letters"),
        ('name = "Two Words"', "name must be a word"),
        ('name = "s"', r"needs at least one \[\[prompt\]\]"),
        ('name = "s"\nprompts = 1', "there is no key 'prompts' in a suite"),
        ('name = "s"\nprompt = ["x"]', "prompt 1 must be a table"),
        ('name = "s"\n[[prompt]]\nask = "x"', "prompt 1 needs a name"),
        ('name = "s"\n[[prompt]]\nname = "a"\nends = true', r"prompt 1 \(a\) needs either ask"),
        ('name = "s"\n[[prompt]]\nname = "a"\nask = "x"', "has no check"),
        ('name = "s"\n[[prompt]]\nname = "a"\nask = " "\nends = true', "a question is empty"),
        (
            'name = "s"\n[[prompt]]\nname = "a"\nask = "x"\ncontain = "y"',
            r"prompt 1 \(a\): contain: there is no check 'contain'",
        ),
        (
            'name = "s"\n[[prompt]]\nname = "a"\nask = "x"\nends = true\nmax_tokens = 0',
            "max_tokens must be from 1 to 2048, got 0",
        ),
        (
            'name = "s"\n[[prompt]]\nname = "a"\nask = "x"\nends = true\n'
            '[[prompt]]\nname = "a"\nask = "y"\nends = true',
            "two prompts are called 'a'",
        ),
    ],
)
def test_a_malformed_suite_names_the_place_and_what_would_be_right(
    tmp_path: Path, text: str, sentence: str
) -> None:
    with pytest.raises(SettingsError, match=sentence):
        load_suite(written(tmp_path, text))


def test_a_suite_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        load_suite(tmp_path / "none.toml")


def test_the_shipped_suite_is_asked_before_the_users(tmp_path: Path) -> None:
    suites = load_suites([written(tmp_path, GOOD)])
    assert [suite.name for suite in suites] == ["basics", "support"]


def test_two_suites_of_one_name_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD.replace("support", "basics"))
    with pytest.raises(SettingsError, match="two suites are called 'basics'"):
        load_suites([path])


def test_the_shipped_suite_has_facts_form_memory_and_manners() -> None:
    suite = load_suite(SHIPPED)
    assert len(suite.prompts) >= 25
    used = {name for prompt in suite.prompts for name in prompt.checks}
    assert {"contains", "regex", "equals", "json", "ends", "repeats", "script", "max_words"} <= used
    assert sum(len(prompt.turns) > 1 for prompt in suite.prompts) >= 3


def test_a_quick_suite_is_another_suite() -> None:
    whole, quick = load_suite(SHIPPED), load_suite(SHIPPED, quick=True)
    assert len(quick.prompts) < len(whole.prompts)
    assert quick.digest != whole.digest
