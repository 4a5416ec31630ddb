"""What AWS checks and botocore leaves to it: enums, lengths, ranges and patterns of the model.

So a name that is too long fails here as it would there.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from typing import Any

from pipelines.testing.control_plane.part import ApiError, Parameters

_CLASSES = {r"\p{L}": r"\w", r"\p{N}": r"\d", r"\p{Z}": r"\s"}


def check(shape: Any, parameters: Parameters) -> None:
    """Hold a request's parameters against its shape.

    Raises:
        ApiError: a ValidationException that names the parameter.
    """
    if shape is not None:
        _check(shape, parameters, "")


def _check(shape: Any, value: Any, path: str) -> None:
    if value is None:
        return
    if shape.type_name == "string":
        _check_text(shape, str(value), path)
    elif shape.type_name in ("integer", "long", "float", "double"):
        _require_size(shape, value, path)
    elif shape.type_name in ("list", "map"):
        _require_size(shape, len(value), path)
    for inner, one, name in _children(shape, value):
        _check(inner, one, f"{path}.{name}".lstrip("."))


def _children(shape: Any, value: Any) -> Iterator[tuple[Any, Any, str]]:
    """What is inside a value: its shape, itself, its name."""
    if shape.type_name == "structure":
        known = shape.members
        yield from ((known[name], one, name) for name, one in value.items() if name in known)
    elif shape.type_name == "list":
        yield from ((shape.member, one, str(number)) for number, one in enumerate(value))
    elif shape.type_name == "map":
        yield from ((shape.key, key, "key") for key in value)
        yield from ((shape.value, one, key) for key, one in value.items())


def _check_text(shape: Any, value: str, path: str) -> None:
    _require_size(shape, len(value), path)
    enum = getattr(shape, "enum", None)
    if enum and value not in enum:
        raise _refused(path, f"{value!r} is none of the enum's values")
    pattern = _pattern(shape.metadata.get("pattern", ""))
    if pattern and not pattern.fullmatch(value):
        raise _refused(path, f"{value!r} does not match {shape.metadata['pattern']}")


def _require_size(shape: Any, size: float, path: str) -> None:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if (low is not None and size < low) or (high is not None and size > high):
        raise _refused(path, f"{size} is not in [{low}, {high}]")


@functools.cache
def _pattern(text: str) -> re.Pattern[str] | None:
    """The model's Java pattern for Python, where it has such a thing."""
    for java, python in _CLASSES.items():
        text = text.replace(java, python)
    text = re.sub(r"\$\{\d+,\d+\}$", "", text)
    if not text or r"\p{" in text or r"\u" in text:
        return None
    return re.compile(text, re.DOTALL)


def _refused(path: str, what: str) -> ApiError:
    return ApiError("ValidationException", f"1 validation error detected: {path}: {what}")
