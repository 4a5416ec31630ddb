"""A suite of prompts with checks, read from TOML or JSON; the shipped one is suites/basics.toml.

name = "support"

[[prompt]]
name = "opening hours"
turns = ["We open at nine. Remember that.", "When do you open?"]   # or: ask = "..."
system = "Answer in one sentence."                                  # optional
max_tokens = 40                                                     # optional
contains = ["nine", "9"]                                            # checks: checks.py
ends = true
"""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pipelines.errors import SettingsError
from pipelines.evaluation.checks import Check, make_check

SHIPPED = Path(__file__).with_name("suites") / "basics.toml"
MOST_TOKENS = 2048
DEFAULT_TOKENS = 64
QUICK_STEP = 3  # a quick evaluation asks every third prompt
_NAME = re.compile(r"[a-z][a-z0-9_]{0,29}")
_OWN_KEYS = ("name", "ask", "turns", "system", "max_tokens")


@dataclass(frozen=True)
class Prompt:
    """What is asked, and what the last answer is held against.

    Attributes:
        turns: what the user says; the model's own answers stand between.
    """

    name: str
    turns: tuple[str, ...]
    system: str
    max_tokens: int
    checks: dict[str, Check]


@dataclass(frozen=True)
class Suite:
    """Prompts that belong together; `digest` names exactly these prompts and checks."""

    name: str
    digest: str
    prompts: tuple[Prompt, ...]


def load_suite(path: Path, *, quick: bool = False) -> Suite:
    """The suite in a file.

    Raises:
        SettingsError: it cannot be read or is no suite; the message names file, prompt and key.
    """
    content = _content(path)
    name = content.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise SettingsError(
            f"{path}: name must be a word of lower-case letters, digits and _ (at most 30), "
            f"got {name!r}"
        )
    unknown = content.keys() - {"name", "about", "prompt"}
    if unknown:
        raise SettingsError(
            f"{path}: there is no key {min(unknown)!r} in a suite; known: name, about, prompt"
        )
    entries = content.get("prompt")
    if not isinstance(entries, list) or not entries:
        raise SettingsError(f"{path}: a suite needs at least one [[prompt]]")
    if quick:
        entries = entries[::QUICK_STEP]
    prompts = tuple(_prompt(f"{path}: prompt {at}", one) for at, one in enumerate(entries, start=1))
    _require_different(path, prompts)
    digest = hashlib.sha256(json.dumps(entries, sort_keys=True).encode()).hexdigest()[:16]
    return Suite(name, digest, prompts)


def load_suites(paths: list[Path], *, quick: bool = False) -> list[Suite]:
    """The shipped suite and those of the user, each under a name of its own.

    Raises:
        SettingsError: one is malformed, or two have the same name.
    """
    suites = [load_suite(SHIPPED, quick=quick)]
    # A quick look leaves out prompts of the shipped suite alone: the user chose their own.
    suites += [load_suite(path) for path in paths]
    names = [suite.name for suite in suites]
    for name in names:
        if names.count(name) > 1:
            raise SettingsError(f"two suites are called {name!r}: give one another name")
    return suites


def _content(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
        content = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"the suite {path} cannot be read: {error}") from error
    except (ValueError, RecursionError) as error:
        kind = "JSON" if path.suffix == ".json" else "TOML"
        raise SettingsError(f"the suite {path} is no {kind}: {error}") from error
    if not isinstance(content, dict):
        raise SettingsError(f"the suite {path} must hold an object, not {type(content).__name__}")
    return content


def _prompt(where: str, entry: object) -> Prompt:
    if not isinstance(entry, dict):
        raise SettingsError(f"{where} must be a table, got {entry!r}")
    name = entry.get("name")
    if not isinstance(name, str) or not name.strip():
        raise SettingsError(f"{where} needs a name")
    where = f"{where} ({name})"
    prompt = Prompt(
        name=name,
        turns=_turns(where, entry),
        system=_text(where, "system", entry.get("system", "")),
        max_tokens=_max_tokens(where, entry.get("max_tokens", DEFAULT_TOKENS)),
        checks={},
    )
    return replace(prompt, checks=_checks(where, entry))


def _turns(where: str, entry: dict[str, Any]) -> tuple[str, ...]:
    if ("ask" in entry) == ("turns" in entry):
        raise SettingsError(f"{where} needs either ask (one question) or turns (a list of them)")
    turns = [entry["ask"]] if "ask" in entry else entry["turns"]
    if not isinstance(turns, list) or not turns:
        raise SettingsError(f"{where}: turns must be a list of texts, got {turns!r}")
    texts = tuple(_text(where, "a question", turn) for turn in turns)
    if not all(text.strip() for text in texts):
        raise SettingsError(f"{where}: a question is empty")
    return texts


def _checks(where: str, entry: dict[str, Any]) -> dict[str, Check]:
    checks: dict[str, Check] = {}
    for key, value in entry.items():
        if key in _OWN_KEYS:
            continue
        try:
            checks[key] = make_check(key, value)
        except ValueError as error:
            raise SettingsError(f"{where}: {key}: {error}") from error
    if not checks:
        raise SettingsError(f"{where} has no check, so no answer could fail it")
    return checks


def _text(where: str, what: str, value: object) -> str:
    if not isinstance(value, str):
        raise SettingsError(f"{where}: {what} must be text, got {value!r}")
    return value


def _max_tokens(where: str, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MOST_TOKENS:
        raise SettingsError(f"{where}: max_tokens must be from 1 to {MOST_TOKENS}, got {value!r}")
    return value


def _require_different(path: Path, prompts: tuple[Prompt, ...]) -> None:
    names = [prompt.name for prompt in prompts]
    for name in names:
        if names.count(name) > 1:
            raise SettingsError(f"{path}: two prompts are called {name!r}")
