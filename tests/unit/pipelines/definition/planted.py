"""A definition without mistakes, and ways to plant one."""

from __future__ import annotations

import re
from typing import Any

from pipelines.definition.render import Sources, render
from pipelines.settings import DeploymentSettings

SOURCES = Sources(
    code="s3://keepwarm-123456789012-us-east-1/sources/0123/",
    functions="functions/4567.zip",
    image="s3://keepwarm-123456789012-us-east-1/image-sources/89ab.zip",
    fingerprint="89ab",
)


def settings(**told: Any) -> DeploymentSettings:
    return DeploymentSettings(account="123456789012", **told)


def clean(**told: Any) -> dict[str, Any]:
    return render(settings(**told), SOURCES)


def step(definition: dict[str, Any], name: str) -> dict[str, Any]:
    """A step, one in a branch too."""
    waiting = list(definition["Steps"])
    while waiting:
        one: dict[str, Any] = waiting.pop(0)
        if one["Name"] == name:
            return one
        for branch in ("IfSteps", "ElseSteps"):
            waiting += one["Arguments"].get(branch, [])
    raise KeyError(name)


def put(definition: Any, path: str, value: Any) -> None:
    """Set what lies at a path such as `Judge.Arguments.group` or `Gate.Arguments.Conditions.0`."""
    name, *words = path.split(".")
    place = step(definition, name)
    for word in words[:-1]:
        place = place[int(word) if re.fullmatch(r"\d+", word) else word]  # type: ignore[index]
    last: Any = words[-1]
    place[int(last) if last.isdecimal() else last] = value


def get(path: str) -> dict[str, str]:
    return {"Get": path}


def of_plan(file: str, path: str) -> dict[str, Any]:
    return {"Std:JsonGet": {"PropertyFile": get(f"Steps.{file}"), "Path": path}}
