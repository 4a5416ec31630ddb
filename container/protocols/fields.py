"""Reading the fields of a JSON object strictly: the right type, or an error that names it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import msgspec

from container.errors import InvalidJson
from serving.errors import InvalidRequest

JSON_NAMES: dict[type, str] = {
    bool: "a boolean",
    int: "an integer",
    float: "a number",
    str: "a string",
    list: "a list",
    dict: "an object",
    type(None): "null",
}


def parse_json(body: bytes | str) -> Any:
    """The JSON value of a body.

    Raises:
        InvalidJson: it is none; the message gives the byte where reading failed.
    """
    try:
        return msgspec.json.decode(body)
    except msgspec.DecodeError as error:
        raise InvalidJson(f"the body must be JSON: {error}") from None
    except UnicodeDecodeError as error:
        raise InvalidJson(f"the body must be UTF-8: {_where_not_utf8(body, error)}") from None
    except RecursionError:
        raise InvalidJson("the body nests too deeply; 64 levels are plenty") from None


def _where_not_utf8(body: bytes | str, error: UnicodeDecodeError) -> str:
    """The place in the whole body; `error` itself counts from the start of one string."""
    try:
        if isinstance(body, bytes):
            body.decode()
    except UnicodeDecodeError as whole:
        error = whole
    return f"invalid byte at position {error.start}"


def parse_object(body: bytes | str) -> dict[str, Any]:
    """The JSON object of a body.

    Raises:
        InvalidJson: it is no JSON.
        InvalidRequest: it is JSON, but no object.
    """
    value = parse_json(body)
    if not isinstance(value, dict):
        raise InvalidRequest(f"the body must be a JSON object, got {name_of(value)}")
    return value


def name_of(value: object) -> str:
    """What JSON calls the type of `value`."""
    return JSON_NAMES.get(type(value), type(value).__name__)


class Fields:
    """Typed access to one JSON object; null counts as absent.

    Every method raises InvalidRequest, its `param` naming the field, when the type is wrong.
    """

    def __init__(self, values: Mapping[str, Any], prefix: str = "") -> None:
        self._values = values
        self._prefix = prefix

    def has(self, name: str) -> bool:
        """Whether the field is there and not null."""
        return self._values.get(name) is not None

    def raw(self, name: str) -> Any:
        """The field as it came; None when absent."""
        return self._values.get(name)

    def param(self, name: str) -> str:
        """The field's name in error messages."""
        return self._prefix + name

    def wrong(self, name: str, wanted: str) -> InvalidRequest:
        """The error for a field that is not what it should be."""
        got = name_of(self._values.get(name))
        return InvalidRequest(
            f"{self.param(name)} must be {wanted}, got {got}", param=self.param(name)
        )

    def integer(
        self, name: str, default: int | None = None, *, low: int | None = None
    ) -> int | None:
        """An integer (never a boolean), not below `low`."""
        value = self._values.get(name)
        if value is None:
            return default
        if type(value) is not int:
            raise self.wrong(name, "an integer")
        if low is not None and value < low:
            raise InvalidRequest(
                f"{self.param(name)} must be at least {low}, got {value}", param=self.param(name)
            )
        return value

    def number(self, name: str, default: float) -> float:
        """A finite number (never a boolean)."""
        value = self._values.get(name)
        if value is None:
            return default
        if type(value) not in (int, float):
            raise self.wrong(name, "a number")
        try:
            number = float(value)
        except OverflowError:  # a whole number of hundreds of digits
            number = math.inf
        if not math.isfinite(number):
            raise InvalidRequest(
                f"{self.param(name)} is too large for a number", param=self.param(name)
            )
        return number

    def boolean(self, name: str, default: bool = False) -> bool:
        """A boolean."""
        value = self._values.get(name)
        if value is None:
            return default
        if type(value) is not bool:
            raise self.wrong(name, "a boolean")
        return value

    def string(self, name: str, default: str = "") -> str:
        """A string."""
        value = self._values.get(name)
        if value is None:
            return default
        if not isinstance(value, str):
            raise self.wrong(name, "a string")
        return value

    def strings(self, name: str) -> tuple[str, ...]:
        """A string or a list of strings."""
        value = self._values.get(name)
        if value is None:
            return ()
        values = [value] if isinstance(value, str) else value
        if not isinstance(values, list) or not all(isinstance(item, str) for item in values):
            raise self.wrong(name, "a string or a list of strings")
        return tuple(values)

    def integers(self, name: str) -> tuple[int, ...]:
        """A list of integers."""
        value = self._values.get(name)
        if value is None:
            return ()
        if not is_list_of_integers(value):
            raise self.wrong(name, "a list of integers")
        return tuple(value)

    def mapping(self, name: str) -> dict[str, Any]:
        """An object; {} when absent."""
        value = self._values.get(name)
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise self.wrong(name, "an object")
        return value

    def refuse(self, name: str, why: str, *allowed: object) -> None:
        """Raise if the field is there with a value other than `allowed`.

        For fields that ask for something that would change the answer and is not done here.
        """
        value = self._values.get(name)
        if value is None or any(type(value) is type(ok) and value == ok for ok in allowed):
            return
        raise InvalidRequest(f"{self.param(name)} is not supported: {why}", param=self.param(name))


def is_list_of_integers(value: object) -> bool:
    """Whether `value` is a list of integers, booleans not counted."""
    return isinstance(value, list) and all(type(item) is int for item in value)
