"""Conditions: known, complete, and between values that can be compared."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pipelines.definition.linter.findings import Finding
from pipelines.definition.linter.graph import BRANCHES, Step
from pipelines.definition.linter.resolve import Resolver

ORDERED = ("GreaterThan", "GreaterThanOrEqualTo", "LessThan", "LessThanOrEqualTo")


def check_condition(step: Step, resolver: Resolver) -> Iterator[Finding]:
    """A condition step's conditions and branches."""
    conditions = step.arguments.get("Conditions", [])
    if not conditions:
        yield Finding(step.where, "it has no condition")
    if not any(step.body.get("Arguments", {}).get(one) for one in BRANCHES):
        yield Finding(step.where, "both branches are empty")
    for number, one in enumerate(conditions):
        yield from _check(one, f"{step.where}.Conditions[{number}]", resolver)


def _check(condition: dict[str, Any], where: str, resolver: Resolver) -> Iterator[Finding]:
    kind = condition.get("Type")
    if kind == "Not":
        yield from _check(condition.get("Expression", {}), f"{where}.Expression", resolver)
    elif kind == "Or":
        for number, one in enumerate(condition.get("Conditions", [])):
            yield from _check(one, f"{where}.Conditions[{number}]", resolver)
    elif kind == "In":
        asked = condition.get("QueryValue")
        for one in condition.get("Values", []):
            yield from _check_sides(asked, one, False, where, resolver)
    elif kind == "Equals" or kind in ORDERED:
        sides = condition.get("LeftValue"), condition.get("RightValue")
        yield from _check_sides(*sides, kind in ORDERED, where, resolver)
    else:
        known = ", ".join(("Equals", *ORDERED, "In", "Not", "Or"))
        yield Finding(where, f"{kind!r} is no condition; known: {known}")


def _check_sides(
    left: Any, right: Any, ordered: bool, where: str, resolver: Resolver
) -> Iterator[Finding]:
    if left is None or right is None:
        yield Finding(where, "a side is missing")
        return
    kinds = [_kind(resolver.value(one)) for one in (left, right)]
    if kinds[0] != kinds[1]:
        yield Finding(where, f"{kinds[0]} is compared with {kinds[1]}")
    elif ordered and kinds[0] != "number":
        yield Finding(where, f"{kinds[0]} has no order, only numbers have one")


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "truth value"
    return "number" if isinstance(value, (int, float)) else "text"
