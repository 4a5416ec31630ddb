"""Typed reading of parsed JSON, with messages that name the field."""

from __future__ import annotations

import math
from typing import Any

from pipelines.errors import PlanError


class Fields:
    """A JSON object of a plan.

    Args:
        data: what was parsed.
        name: how messages call it.

    Raises:
        PlanError: it is no object.
    """

    def __init__(self, data: object, name: str) -> None:
        if not isinstance(data, dict):
            raise PlanError(f"{name} must be a JSON object")
        self.name = name
        self._data: dict[str, Any] = data

    def named(self, name: str) -> Fields:
        """The same under another name."""
        return Fields(self._data, name)

    def value(self, key: str) -> Any:
        """Whatever it is; None when it is not there."""
        return self._data.get(key)

    def part(self, key: str) -> Fields:
        """An object in it."""
        return Fields(self._data.get(key), f"{self.name}: {key}")

    def parts(self, key: str) -> list[Fields]:
        """The objects of a list in it."""
        found = self._data.get(key)
        if not isinstance(found, list):
            raise self._wrong(key, "a list")
        return [Fields(one, f"{self.name}: {key}") for one in found]

    def text(self, key: str) -> str:
        """A text that is not empty."""
        found = self._data.get(key)
        if not isinstance(found, str) or not found:
            raise self._wrong(key, "a text")
        return found

    def text_or_none(self, key: str) -> str | None:
        """A text, or null."""
        return None if self._data.get(key) is None else self.text(key)

    def texts(self, key: str) -> dict[str, str]:
        """A map of texts to texts."""
        found = self._data.get(key)
        if not isinstance(found, dict) or not all(isinstance(one, str) for one in found.values()):
            raise self._wrong(key, "a map of texts")
        return dict(found)

    def natural(self, key: str) -> int:
        """A whole number from 1 on."""
        found = self._data.get(key)
        if type(found) is not int or found < 1:
            raise self._wrong(key, "a whole number from 1 on")
        return found

    def number_or_none(self, key: str) -> float | None:
        """A number from 0 on, or null."""
        found = self._data.get(key)
        if found is None:
            return None
        if type(found) not in (int, float) or not math.isfinite(found) or found < 0:
            raise self._wrong(key, "a number from 0 on, or null")
        return float(found)

    def _wrong(self, key: str, right: str) -> PlanError:
        return PlanError(f"{self.name}: {key} is {self._data.get(key)!r}, it must be {right}")
