"""All checks in their order."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pipelines.definition.linter import kinds
from pipelines.definition.linter.arguments import check_arguments
from pipelines.definition.linter.conditions import check_condition
from pipelines.definition.linter.documents import examples
from pipelines.definition.linter.expressions import GET, expressions
from pipelines.definition.linter.findings import Finding
from pipelines.definition.linter.graph import Step, all_steps, check_graph
from pipelines.definition.linter.resolve import Resolver, Unresolved

VERSION = "2020-12-01"
TYPES = {"String": str, "Integer": int, "Float": (int, float), "Boolean": bool}
NAME = re.compile(r"[A-Za-z0-9](-*[A-Za-z0-9]){0,63}")
ADDRESSES = {
    "SqsQueueUrl": re.compile(r"https://sqs\.[a-z0-9-]+\.[a-z.]+/\d{12}/[\w-]{1,80}"),
    "FunctionArn": re.compile(r"arn:aws[a-z-]*:lambda:[a-z0-9-]+:\d{12}:function:[\w-]{1,64}"),
}


def lint(
    definition: Mapping[str, Any], documents: Mapping[str, Any] | None = None
) -> list[Finding]:
    """Everything that is wrong with a definition, in the order of its places; empty: nothing.

    Args:
        definition: as the SDK or `render` makes it, placeholders filled in.
        documents: an example of each file that property files point to; None: this pipeline's.
    """
    parameters = definition.get("Parameters", [])
    steps = list(all_steps(definition.get("Steps", [])))
    resolver = Resolver(parameters, steps, examples() if documents is None else documents)
    found = [*_check_head(definition, steps), *_check_parameters(parameters, steps)]
    found += check_graph(steps)
    for step in steps:
        found += _check_step(step, resolver)
    return sorted(set(found))


def _check_head(definition: Mapping[str, Any], steps: list[Step]) -> Iterator[Finding]:
    if definition.get("Version") != VERSION:
        yield Finding("Version", f"must be {VERSION!r}, it is {definition.get('Version')!r}")
    if not steps:
        yield Finding("Steps", "there is none")


def _check_parameters(parameters: list[dict[str, Any]], steps: list[Step]) -> Iterator[Finding]:
    """SageMaker refuses an empty value, so an empty default is a trap for the first start."""
    used = {str(one[GET]) for step in steps for one in _expressions(step) if GET in one}
    seen: set[str] = set()
    for one in parameters:
        name, kind = str(one.get("Name", "")), str(one.get("Type"))
        where = f"Parameters.{name}"
        if name in seen:
            yield Finding(where, "it is declared twice")
        seen.add(name)
        if kind not in TYPES:
            yield Finding(where, f"type {kind!r} must be one of {', '.join(TYPES)}")
        elif not _is_default(one.get("DefaultValue"), kind):
            yield Finding(where, f"the default {one['DefaultValue']!r} is no {kind}, or empty")
        if where not in used:
            yield Finding(where, "no step uses it")


def _is_default(value: Any, kind: str) -> bool:
    if value is None:
        return True
    is_truth = isinstance(value, bool) and kind != "Boolean"
    return isinstance(value, TYPES[kind]) and not is_truth and value != ""  # type: ignore[arg-type]


def _check_step(step: Step, resolver: Resolver) -> Iterator[Finding]:
    if not NAME.fullmatch(step.name):
        yield Finding(step.where, "a name has 1 to 64 letters, digits and hyphens")
    for where, one in expressions(step.arguments, f"{step.where}.Arguments"):
        try:
            resolver.resolve(one)
        except Unresolved as error:
            yield Finding(where, str(error))
    arguments = resolver.value(step.arguments)
    if step.kind in kinds.NATIVE:
        yield from check_arguments(step.kind, arguments, f"{step.where}.Arguments")
        yield from _check_property_files(step)
    elif step.kind in kinds.WITH_OUTPUTS:
        yield from _check_address(step)
    elif step.kind == kinds.CONDITION:
        yield from check_condition(step, resolver)


def _check_property_files(step: Step) -> Iterator[Finding]:
    outputs = step.arguments.get("ProcessingOutputConfig", {}).get("Outputs", [])
    names = [one.get("OutputName") for one in outputs]
    for one in step.body.get("PropertyFiles", []):
        where = f"{step.where}.PropertyFiles.{one.get('PropertyFileName')}"
        if one.get("OutputName") not in names:
            yield Finding(where, f"the step has no output {one.get('OutputName')!r}")


def _check_address(step: Step) -> Iterator[Finding]:
    field = kinds.WITH_OUTPUTS[step.kind]
    value = str(step.body.get(field, ""))
    if not ADDRESSES[field].fullmatch(value):
        yield Finding(f"{step.where}.{field}", f"{value!r} is none")


def _expressions(step: Step) -> Iterator[dict[str, Any]]:
    return (one for _, one in expressions(step.arguments, ""))
