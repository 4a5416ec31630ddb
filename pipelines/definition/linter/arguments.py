"""A step's arguments against the request that they become, by botocore's own shapes.

botocore checks types, required and unknown members and lower bounds. Upper bounds, patterns and
enumerations it leaves to the service; they are checked here.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from typing import Any

from pipelines.definition.linter.findings import Finding
from pipelines.definition.linter.kinds import NATIVE, request_shape
from pipelines.definition.linter.resolve import Later

GENERATED = "generated-name"


def check_arguments(kind_name: str, arguments: dict[str, Any], where: str) -> Iterator[Finding]:
    """What SageMaker would refuse in a step's resolved arguments."""
    from botocore.validate import ParamValidator

    kind = NATIVE[kind_name]
    if kind.named:
        arguments = {kind.named: GENERATED, **arguments}
    shape = request_shape(kind)
    report = ParamValidator().validate(arguments, shape)
    if report.has_errors():
        for line in report.generate_report().splitlines():
            yield Finding(where, line)
    yield from _check_values(shape, arguments, where)


def _check_values(shape: Any, value: Any, where: str) -> Iterator[Finding]:
    if shape.type_name == "structure" and isinstance(value, dict):
        for name, one in value.items():
            if name in shape.members:
                yield from _check_values(shape.members[name], one, f"{where}.{name}")
    elif shape.type_name == "list" and isinstance(value, list):
        yield from _check_most(shape, len(value), "elements", where)
        for number, one in enumerate(value):
            yield from _check_values(shape.member, one, f"{where}[{number}]")
    elif shape.type_name == "map" and isinstance(value, dict):
        for name, one in value.items():
            yield from _check_values(shape.key, name, f"{where}.{name}")
            yield from _check_values(shape.value, one, f"{where}.{name}")
    elif shape.type_name == "string" and isinstance(value, str):
        yield from _check_text(shape, value, where)
    elif shape.type_name in ("integer", "long", "float") and isinstance(value, (int, float)):
        yield from _check_most(shape, value, "at most", where)


def _check_text(shape: Any, value: str, where: str) -> Iterator[Finding]:
    """What only the run knows is not held against patterns."""
    if isinstance(value, Later):
        return
    yield from _check_most(shape, len(value), "characters", where)
    if shape.enum and value not in shape.enum:
        yield Finding(where, f"{value!r} is no {shape.name} that botocore knows")
    pattern = _compiled(shape.metadata.get("pattern", ""))
    if pattern and not pattern.fullmatch(value):
        yield Finding(where, f"{value!r} does not match {pattern.pattern}")


@functools.cache
def _compiled(pattern: str) -> re.Pattern[str] | None:
    """None for none, and for one in another language's syntax."""
    try:
        return re.compile(pattern) if pattern else None
    except re.error:
        return None


def _check_most(shape: Any, count: float, what: str, where: str) -> Iterator[Finding]:
    most = shape.metadata.get("max")
    if most is not None and count > most:
        limit = f"{what} {most}" if what == "at most" else f"at most {most} {what}"
        yield Finding(where, f"must be {limit}, it is {count}")
