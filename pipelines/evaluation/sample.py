"""The shipped text: prose and code that was written for this project and published nowhere else.

A model that has seen a text knows it by heart, and its perplexity says nothing. These passages are
short enough for any context, ASCII alone, and change only together with the project's version.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).with_name("sample")
QUICK_STEP = 3  # a quick evaluation reads every third passage


@dataclass(frozen=True)
class Passage:
    """A text that is read on its own."""

    name: str
    text: str


def shipped_sample(*, quick: bool = False) -> tuple[Passage, ...]:
    """The passages in their order."""
    paths = sorted(FOLDER.glob("*.txt"))
    passages = tuple(Passage(path.stem, path.read_text(encoding="utf-8")) for path in paths)
    return passages[::QUICK_STEP] if quick else passages


def digest(passages: Sequence[Passage]) -> str:
    """Names a sample: perplexities of two samples are not comparable."""
    content = "\0".join(f"{one.name}\0{one.text}" for one in passages)
    return hashlib.sha256(content.encode()).hexdigest()[:16]
