"""A cloud assembly as a reader sees it: resources by their constructs, references followed.

CloudFormation names things `HistoryTable1A2B3C4D` and reaches over stacks by exports; what is
drawn, listed and checked speaks of `data/History/Table` instead.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

Template = Mapping[str, Any]


# How the ARN of a resource ends that has a name of its own, and the property with the name.
_NAMED = {
    "AWS::ElastiCache::ReplicationGroup": (":replicationgroup:{}", "ReplicationGroupId"),
    "AWS::ElastiCache::ServerlessCache": (":serverlesscache:{}", "ServerlessCacheName"),
    "AWS::SageMaker::Endpoint": (":endpoint/{}", "EndpointName"),
    "AWS::SageMaker::InferenceComponent": (":inference-component/{}", "InferenceComponentName"),
}


@dataclass(frozen=True)
class Resource:
    """One resource.

    Attributes:
        part: of the stage: `network`, `data`, ...
        id: in its template.
        body: as it stands there.
    """

    part: str
    id: str
    body: Mapping[str, Any]

    @property
    def type(self) -> str:
        """Such as `AWS::Lambda::Function`."""
        return str(self.body["Type"])

    @property
    def properties(self) -> dict[str, Any]:
        """As CloudFormation is told."""
        found: dict[str, Any] = self.body.get("Properties", {})
        return found

    @property
    def path(self) -> str:
        """Of the construct: the part, then what is inside the stack; without a last `Resource`."""
        path = str(self.body.get("Metadata", {}).get("aws:cdk:path", f"/{self.id}"))
        return f"{self.part}/{path.partition('/')[2].removesuffix('/Resource')}"

    @property
    def box(self) -> str:
        """The construct right below the stack, such as `data/History`."""
        return "/".join(self.path.split("/")[:2])


@dataclass(frozen=True)
class Reference:
    """A place in a template that names a resource.

    Attributes:
        resource: that one.
        attribute: `Ref`, or what is asked of it, such as `Arn`.
    """

    resource: Resource
    attribute: str

    def __str__(self) -> str:
        attribute = "" if self.attribute == "Ref" else f".{self.attribute}"
        return f"${{{self.resource.path}{attribute}}}"


class Assembly:
    """The templates of one stage.

    Args:
        templates: by part.
    """

    def __init__(self, templates: Mapping[str, Template]) -> None:
        self.templates = templates

    def resources(self, *types: str) -> Iterator[Resource]:
        """All of these types; all that there are when none is named."""
        for part, template in self.templates.items():
            for name, body in template["Resources"].items():
                if not types or body["Type"] in types:
                    yield Resource(part, name, body)

    def references(self, part: str, value: Any) -> Iterator[Reference]:
        """Every resource that a value of that part's template names, in this stack or another."""
        if isinstance(value, list):
            for one in value:
                yield from self.references(part, one)
        elif isinstance(value, Mapping):
            found = self._reference(part, value)
            if found is not None:
                yield found
            else:
                for one in value.values():
                    yield from self.references(part, one)

    def named(self, part: str, value: Any) -> Iterator[Resource]:
        """Resources that a value names by an ARN which is written out, as `_NAMED` knows them."""
        for one in value if isinstance(value, list) else [value]:
            text = self.text(part, one)
            for resource in self.resources(*_NAMED):
                form, key = _NAMED[resource.type]
                name = self.text(resource.part, resource.properties[key])
                if text.endswith(form.format(name)):
                    yield resource

    def text(self, part: str, value: Any) -> str:
        """A value in one line; references and pseudo parameters as `${part/Construct.Arn}`."""
        if isinstance(value, Mapping):
            found = self._reference(part, value)
            if found is not None:
                return str(found)
            ((function, argument),) = list(value.items())[:1]
            if function == "Fn::Join":
                return str(argument[0]).join(self.text(part, one) for one in argument[1])
            if function == "Ref":
                return f"${{{argument}}}"
            return f"{function.removeprefix('Fn::')}({self.text(part, argument)})"
        if isinstance(value, list):
            return ", ".join(self.text(part, one) for one in value)
        return str(value)

    def _reference(self, part: str, value: Mapping[str, Any]) -> Reference | None:
        if "Ref" in value:
            return self._named(part, value["Ref"], "Ref")
        if "Fn::GetAtt" in value:
            name, attribute = value["Fn::GetAtt"]
            if isinstance(attribute, str):
                return self._named(part, name, attribute)
        if "Fn::ImportValue" in value:
            exported = self._exports.get(value["Fn::ImportValue"])
            return self._reference(*exported) if exported else None
        return None

    def _named(self, part: str, name: str, attribute: str) -> Reference | None:
        body = self.templates[part]["Resources"].get(name)
        return Reference(Resource(part, name, body), attribute) if body else None

    @cached_property
    def _exports(self) -> dict[str, tuple[str, Any]]:
        return {
            output["Export"]["Name"]: (part, output["Value"])
            for part, template in self.templates.items()
            for output in template.get("Outputs", {}).values()
            if "Export" in output
        }
