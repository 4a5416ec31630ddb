"""What an expression will be when the pipeline runs: a value of its type, or why it cannot be.

Values that are known beforehand, such as defaults of parameters, stand for themselves, so that a
name that grows too long or an instance type that does not exist is seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipelines.definition.linter import kinds
from pipelines.definition.linter.expressions import GET, JOIN, JSON_GET, is_expression, parts
from pipelines.definition.linter.graph import Step

EXECUTION = {
    "PipelineName": "pipeline",
    "PipelineArn": "arn:aws:sagemaker:us-east-1:123456789012:pipeline/pipeline",
    "PipelineExecutionId": "a1b2c3d4e5f6",
    "PipelineExecutionArn": (
        "arn:aws:sagemaker:us-east-1:123456789012:pipeline/pipeline/execution/a1b2c3d4e5f6"
    ),
    "StartDateTime": "2026-01-01T00:00:00Z",
    "CurrentDateTime": "2026-01-01T00:00:00Z",
}


class Unresolved(Exception):
    """The expression cannot be; the message says why."""


class Later(str):
    """A text that only the run knows."""


SAMPLES: dict[str, Any] = {
    "String": Later("x"), "string": Later("x"), "timestamp": Later("x"),
    "Integer": 1, "integer": 1, "long": 1,
    "Float": 1.0, "float": 1.0, "double": 1.0,
    "Boolean": True, "boolean": True,
}  # fmt: skip


class Resolver:
    """Resolves the expressions of one definition.

    Args:
        parameters: as the definition declares them.
        steps: all of them.
        documents: for each file that a step may leave, an example of it.
    """

    def __init__(
        self,
        parameters: list[dict[str, Any]],
        steps: list[Step],
        documents: Mapping[str, Any],
    ) -> None:
        self._parameters = {str(one.get("Name")): one for one in parameters}
        self._steps = {step.name: step for step in steps}
        self._documents = documents

    def value(self, value: Any) -> Any:
        """A value with every expression in it resolved; one that cannot be is left out.

        Findings come from `resolve`, expression by expression.
        """
        if is_expression(value):
            try:
                return self.resolve(value)
            except Unresolved:
                return Later("x")
        if isinstance(value, dict):
            return {key: self.value(one) for key, one in value.items()}
        if isinstance(value, list):
            return [self.value(one) for one in value]
        return value

    def resolve(self, expression: dict[str, Any]) -> Any:
        """What one expression will be.

        Raises:
            Unresolved: it cannot be.
        """
        ((kind, body),) = expression.items()
        if kind == GET:
            return self._get(body)
        if kind == JOIN:
            return self._join(body)
        return self._json_get(expression[JSON_GET])

    def _get(self, path: object) -> Any:
        room, _, rest = str(path).partition(".")
        if room == "Parameters":
            return self._parameter(rest)
        if room == "Execution":
            if rest not in EXECUTION:
                raise Unresolved(f"an execution has no {rest!r}; known: {', '.join(EXECUTION)}")
            return EXECUTION[rest]
        if room == "Steps":
            return self._property(rest)
        raise Unresolved(f"{path!r} must begin with Parameters., Execution. or Steps.")

    def _parameter(self, name: str) -> Any:
        if name not in self._parameters:
            raise Unresolved(f"there is no parameter {name!r}")
        found = self._parameters[name]
        return found.get("DefaultValue", SAMPLES.get(str(found.get("Type"))))

    def _property(self, path: str) -> Any:
        found = parts(path)
        if not found or not isinstance(found[0], str):
            raise Unresolved(f"Steps.{path} is no path")
        name, *rest = found
        step = self._steps.get(str(name))
        if step is None:
            raise Unresolved(f"there is no step {name!r}")
        if step.kind in kinds.WITH_OUTPUTS:
            return _output(step, rest)
        if step.kind in kinds.NATIVE:
            _require_elements(step.arguments, rest, path)
            return _of_shape(kinds.properties_shape(kinds.NATIVE[step.kind]), rest, path)
        if step.kind == kinds.CONDITION and rest == ["Outcome"]:
            return Later("true")
        raise Unresolved(f"a step of type {step.kind} has no {path.partition('.')[2]}")

    def _join(self, body: dict[str, Any]) -> str:
        """Numbers are joined as texts; what is known in part is known only later."""
        values = [self.value(one) for one in body.get("Values", [])]
        joined = str(body.get("On", "")).join(str(one) for one in values)
        return Later(joined) if any(isinstance(one, Later) for one in values) else joined

    def _json_get(self, body: dict[str, Any]) -> Any:
        file = self._property_file(body.get("PropertyFile", {}))
        if file not in self._documents:
            raise Unresolved(f"no example of {file} is known to look for the path in")
        path = str(body.get("Path", ""))
        found = self._documents[file]
        for part in parts(path) or [""]:
            try:
                found = found[part[0] if isinstance(part, tuple) else part]
            except (KeyError, IndexError, TypeError) as error:
                raise Unresolved(f"{file} has no {path!r}") from error
        if isinstance(found, (dict, list)):
            raise Unresolved(f"{path!r} of {file} is no single value")
        return Later(found) if isinstance(found, str) else found

    def _property_file(self, expression: dict[str, Any]) -> str:
        """The file's path, from `Steps.NAME.PropertyFiles.FILE`."""
        words = str(expression.get(GET, "")).split(".")
        if len(words) != 4 or words[0] != "Steps" or words[2] != "PropertyFiles":
            raise Unresolved(f"{'.'.join(words)!r} is no Steps.NAME.PropertyFiles.FILE")
        step = self._steps.get(words[1])
        if step is None:
            raise Unresolved(f"there is no step {words[1]!r}")
        for one in step.body.get("PropertyFiles", []):
            if one.get("PropertyFileName") == words[3]:
                return str(one.get("FilePath"))
        raise Unresolved(f"step {words[1]} has no property file {words[3]!r}")


def _output(step: Step, rest: list[Any]) -> Any:
    declared = {
        str(one.get("OutputName")): one.get("OutputType")
        for one in step.body.get("OutputParameters", [])
    }
    if len(rest) != 2 or rest[0] != "OutputParameters" or not isinstance(rest[1], tuple):
        raise Unresolved(f"of {step.name} there is only OutputParameters['NAME']")
    name = rest[1][0]
    if name not in declared:
        known = ", ".join(declared) or "none"
        raise Unresolved(f"{step.name} has no output {name!r}; declared: {known}")
    return SAMPLES.get(str(declared[name]), Later("x"))


def _require_elements(arguments: Any, rest: list[Any], path: str) -> None:
    """What is asked for by its own name, `Outputs['x']`, must be among what the step names."""
    for part in rest:
        if isinstance(part, tuple) and isinstance(arguments, list):
            names = {
                value for one in arguments for key, value in one.items() if key.endswith("Name")
            }
            if part[0] not in names:
                raise Unresolved(f"Steps.{path}: there is no {part[0]!r} among {sorted(names)}")
            return
        arguments = arguments.get(part) if isinstance(arguments, dict) else None


def _of_shape(shape: Any, rest: list[Any], path: str) -> Any:
    for part in rest:
        if shape.type_name == "structure" and isinstance(part, str) and part in shape.members:
            shape = shape.members[part]
        elif shape.type_name == "list" and not isinstance(part, str):
            shape = shape.member
        elif shape.type_name == "map" and isinstance(part, (str, tuple)):
            shape = shape.value
        else:
            raise Unresolved(f"Steps.{path}: {shape.name} has no {part!r}")
    if shape.type_name in ("structure", "list", "map"):
        raise Unresolved(f"Steps.{path} is no single value but a {shape.type_name}")
    return SAMPLES[shape.type_name]
