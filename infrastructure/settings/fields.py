"""How a setting is described: a dataclass field with its meaning, and its bounds for the check."""

from __future__ import annotations

from dataclasses import field
from typing import Any


def setting(
    default: Any,
    about: str,
    *,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str | int, ...] = (),
    pattern: str = "",
    like: str = "",
) -> Any:
    """A field with its meaning for the docs, and its bounds, choices or pattern for the check.

    Args:
        default: what it is when the file does not say.
        about: one line for the settings table.
        low: the smallest number that is right.
        high: the largest.
        choices: the words that are right.
        pattern: what a text must match as a whole; an empty text is always let pass.
        like: what the pattern means, in words.
    """
    about_it = {
        "about": about,
        "low": low,
        "high": high,
        "choices": choices,
        "pattern": pattern,
        "like": like,
    }
    return field(default=default, metadata=about_it)
