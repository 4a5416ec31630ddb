"""The steps of a definition by name, and what each waits for."""

from __future__ import annotations

import graphlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pipelines.definition.linter import kinds
from pipelines.definition.linter.expressions import steps_named
from pipelines.definition.linter.findings import Finding

TRIGGERS = ("Completed", "Failed", "Stopped", "Any")
BRANCHES = ("IfSteps", "ElseSteps")


@dataclass(frozen=True)
class Step:
    """A step of the definition.

    Attributes:
        body: as it stands there.
        branch: the condition and branch that it belongs to, `Gate.IfSteps`; empty: always run.
    """

    body: dict[str, Any]
    branch: str = ""

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.body.get("Name", ""))

    @property
    def kind(self) -> str:
        """Its type."""
        return str(self.body.get("Type", ""))

    @property
    def where(self) -> str:
        """Its path in findings."""
        return f"Steps.{self.name}"

    @property
    def arguments(self) -> dict[str, Any]:
        """What it takes; a condition without the steps of its branches."""
        given = self.body.get("Arguments", {})
        return {key: one for key, one in given.items() if key not in BRANCHES}


def all_steps(bodies: list[dict[str, Any]], branch: str = "") -> Iterator[Step]:
    """Every step, those in the branches of conditions too."""
    for body in bodies:
        step = Step(body, branch)
        yield step
        if step.kind == kinds.CONDITION:
            for one in BRANCHES:
                inside = body.get("Arguments", {}).get(one, [])
                yield from all_steps(inside, f"{step.name}.{one}")


def dependencies(step: Step) -> list[tuple[str, str]]:
    """Names in DependsOn with the outcome that is waited for."""
    found = []
    for one in step.body.get("DependsOn", []):
        if isinstance(one, dict):
            found.append((str(one.get("Step", "")), str(one.get("Trigger", ""))))
        else:
            found.append((str(one), "Completed"))
    return found


def check_graph(steps: list[Step]) -> Iterator[Finding]:
    """Names, dependencies and cycles."""
    by_name = {step.name: step for step in steps}
    for number, step in enumerate(steps):
        if step in steps[:number] or by_name[step.name] is not step:
            yield Finding(step.where, "there is another step of this name")
        if step.kind not in kinds.ALL:
            known = ", ".join(kinds.ALL)
            yield Finding(step.where, f"{step.kind!r} is no type of step known here: {known}")
        for name, trigger in dependencies(step):
            yield from _check_dependency(step, by_name.get(name), name, trigger)
        for name in steps_named(step.arguments) & by_name.keys():
            yield from _check_branch(step, by_name[name], f"{step.where}.Arguments")
    yield from _check_cycles(steps, by_name)


def _check_dependency(step: Step, other: Step | None, name: str, trigger: str) -> Iterator[Finding]:
    where = f"{step.where}.DependsOn"
    if trigger not in TRIGGERS:
        yield Finding(where, f"{trigger!r} must be one of {', '.join(TRIGGERS)}")
    if other is None:
        yield Finding(where, f"there is no step {name!r}")
    elif other.kind in (kinds.CONDITION, kinds.FAIL):
        yield Finding(where, f"no step can wait for {name}, a step of type {other.kind}")
    else:
        yield from _check_branch(step, other, where)


def _check_branch(step: Step, other: Step, where: str) -> Iterator[Finding]:
    if other.branch and other.branch != step.branch:
        yield Finding(where, f"{other.name} runs in {other.branch} alone, and may never run")


def _check_cycles(steps: list[Step], by_name: dict[str, Step]) -> Iterator[Finding]:
    """A step also waits for those whose results it uses, one in a branch for its condition."""
    waits: dict[str, set[str]] = {}
    for step in steps:
        named = {name for name, _ in dependencies(step)} | steps_named(step.arguments)
        named |= {step.branch.partition(".")[0]} if step.branch else set()
        waits[step.name] = {name for name in named if name in by_name}
    try:
        graphlib.TopologicalSorter(waits).prepare()
    except graphlib.CycleError as error:
        yield Finding("Steps", f"these wait for each other: {' -> '.join(error.args[1])}")
