"""The three expressions of a definition: Get, Std:Join, Std:JsonGet."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

GET = "Get"
JOIN = "Std:Join"
JSON_GET = "Std:JsonGet"
KINDS = (GET, JOIN, JSON_GET)

_PART = re.compile(r"\.?([A-Za-z_][\w-]*)|\[(\d+)\]|\['([^']+)'\]")

Part = str | int | tuple[str]
"""A member by its name, an element by its number, or by its own name as (name,)."""


def is_expression(value: object) -> bool:
    """Whether a value is put in only when the pipeline runs."""
    return isinstance(value, dict) and len(value) == 1 and next(iter(value)) in KINDS


def expressions(value: Any, where: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """All expressions in a value with their places; those of a Join come after it."""
    if is_expression(value):
        yield where, value
        if JSON_GET in value:
            return
    if isinstance(value, dict):
        for key, one in value.items():
            yield from expressions(one, f"{where}.{key}")
    elif isinstance(value, list):
        for number, one in enumerate(value):
            yield from expressions(one, f"{where}[{number}]")


def steps_named(value: Any) -> set[str]:
    """Names of the steps whose results a value needs."""
    found = set()
    for _, one in expressions(value, ""):
        path = one.get(GET) or one.get(JSON_GET, {}).get("PropertyFile", {}).get(GET, "")
        words = str(path).split(".")
        if words[0] == "Steps" and len(words) > 1:
            found.add(words[1].partition("[")[0])
    return found


def parts(path: str) -> list[Part] | None:
    """`Outputs['plan'].S3Uri`, `plans[0].environment` as parts; None when it is no path."""
    found: list[Part] = []
    at = 0
    while at < len(path):
        match = _PART.match(path, at)
        if match is None or (at == 0 and path.startswith(".")):
            return None
        member, number, name = match.groups()
        found.append(member if member else (name,) if name else int(number))
        at = match.end()
    return found
