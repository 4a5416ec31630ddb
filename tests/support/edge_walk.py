"""Walks one request through the synthesised edge, hop by hop, as AWS's own rules would send it.

Each hop is found by following the references of the template, across stacks; what a hop does to
host and path is done here by the values that stand in the template.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any

from tests.support.edge_boxes import EdgeTemplates, Resource

API_HOST = "the-api"


@dataclass(frozen=True)
class Request:
    """What a hop is asked."""

    method: str
    host: str
    path: str


@dataclass(frozen=True)
class Event:
    """What the REST API tells the function of a request's path.

    Attributes:
        authorized: whether a token was asked for.
        function: logical id of what is called.
        kind: its type.
    """

    resource: str
    path: str
    parameters: Mapping[str, str]
    authorized: bool
    function: str
    kind: str


class Refused(Exception):
    """A hop has no way for this request."""


class EdgeWalk:
    """The edge of a stage, to be asked."""

    def __init__(self, templates: EdgeTemplates) -> None:
        self._templates = templates
        parts = (templates.network, templates.chat, templates.edge, templates.firewall)
        self._resources = {name: one for part in parts for name, one in part.resources.items()}
        self._exports = {name: value for part in parts for name, value in part.exports.items()}
        self._balancer = self._endpoint = ""  # what the hop before leads to

    def walk(self, request: Request) -> Event:
        """What the function would see.

        Raises:
            Refused: the request ends at one of the hops.
        """
        at_balancer = self.cloudfront(request)
        at_api = self.balancer(at_balancer)
        return self.api(at_api)

    def cloudfront(self, request: Request) -> Request:
        """Through the behaviour of this path to its VPC origin."""
        config = self._templates.edge.only("AWS::CloudFront::Distribution")["DistributionConfig"]
        if request.host not in config["Aliases"]:
            raise Refused("CloudFront: no such host")
        behavior = next(
            (
                one
                for one in config["CacheBehaviors"]
                if fnmatchcase(request.path, one["PathPattern"])
            ),
            config["DefaultCacheBehavior"],
        )
        if request.method not in behavior["AllowedMethods"]:
            raise Refused("CloudFront: method")
        (origin,) = [one for one in config["Origins"] if one["Id"] == behavior["TargetOriginId"]]
        if "VpcOriginConfig" not in origin:
            raise Refused("CloudFront: the page's")
        made = self._only_reference(origin["VpcOriginConfig"]["VpcOriginId"])
        balancer = self._resources[made]["Properties"]["VpcOriginEndpointConfig"]["Arn"]
        self._balancer = self._only_reference(balancer)
        return replace(request, path=origin["OriginPath"] + request.path)

    def balancer(self, request: Request) -> Request:
        """Through the first rule that fits, to the endpoint whose addresses are its targets."""
        ((listener, properties),) = self._of("AWS::ElasticLoadBalancingV2::Listener")
        assert self._only_reference(properties["LoadBalancerArn"]) == self._balancer
        for _, rule in sorted(
            self._of("AWS::ElasticLoadBalancingV2::ListenerRule"),
            key=lambda one: int(one[1]["Priority"]),
        ):
            assert self._only_reference(rule["ListenerArn"]) == listener
            if all(_fits(condition, request) for condition in rule["Conditions"]):
                self._endpoint = self._endpoint_behind(rule)
                return self._transformed(rule, request)
        raise Refused("balancer: 404")

    def api(self, request: Request) -> Event:
        """Through the endpoint and the resource policy to a method of the API."""
        ((api, properties),) = self._of("AWS::ApiGateway::RestApi")
        if request.host != API_HOST:
            raise Refused("endpoint: no API of this name")
        self._check_policy(properties)
        ((_, stage),) = self._of("AWS::ApiGateway::Stage")
        prefix, path = f"/{stage['StageName']}", request.path
        if not path.startswith(f"{prefix}/"):
            raise Refused("API: no such stage")
        return self._method(api, request.method, path.removeprefix(prefix))

    def _check_policy(self, api: Resource) -> None:
        """Only a request that came by this endpoint passes."""
        came_by = self._endpoint
        for statement in api["Policy"]["Statement"]:
            ((operator, condition),) = statement["Condition"].items()
            same = self._only_reference(condition["aws:SourceVpce"]) == came_by
            holds = same if operator == "StringEquals" else not same
            if statement["Effect"] == "Deny" and holds:
                raise Refused("API: policy")
            if statement["Effect"] == "Allow" and not holds:
                raise Refused("API: policy")

    def _method(self, api: str, method: str, path: str) -> Event:
        """The method of the resource that fits best: a named segment before a greedy one."""
        parts = path.strip("/").split("/")
        resource, template, parameters = self._root_child(parts)
        for _, one in self._of("AWS::ApiGateway::Method"):
            if self._only_reference(one["ResourceId"]) == resource:
                if one["HttpMethod"] not in (method, "ANY"):
                    continue
                assert self._only_reference(one["RestApiId"]) == api
                function = self._only_reference(one["Integration"]["Uri"])
                return Event(
                    resource=template,
                    path=path,
                    parameters=parameters,
                    authorized=one["AuthorizationType"] != "NONE",
                    function=function,
                    kind=self._resources[function]["Type"],
                )
        raise Refused("API: no such method")

    def _root_child(self, parts: list[str]) -> tuple[str, str, dict[str, str]]:
        current, template = "", ""
        for index, part in enumerate(parts):
            children = {
                one["PathPart"]: name
                for name, one in self._of("AWS::ApiGateway::Resource")
                if one["ParentId"].get("Ref", "") == current
            }
            if part in children:
                current, template = children[part], f"{template}/{part}"
            elif "{proxy+}" in children:
                rest = "/".join(parts[index:])
                return children["{proxy+}"], f"{template}/{{proxy+}}", {"proxy": rest}
            else:
                raise Refused("API: no such resource")
        return current, template, {}

    def _endpoint_behind(self, rule: Resource) -> str:
        """The VPC endpoint that the lookup behind a rule's targets asks about."""
        group = self._only_reference(rule["Actions"][0]["TargetGroupArn"])
        targets = self._resources[group]["Properties"]["Targets"]
        (lookup,) = {self._only_reference(one["Id"]) for one in targets}
        return self._only_reference(self._resources[lookup]["Properties"]["Create"])

    def _transformed(self, rule: Resource, request: Request) -> Request:
        for transform in rule.get("Transforms", []):
            assert transform["Type"] == "host-header-rewrite"
            for rewrite in transform["HostHeaderRewriteConfig"]["Rewrites"]:
                if re.search(rewrite["Regex"], request.host):
                    ((api, _),) = self._of("AWS::ApiGateway::RestApi")
                    assert self._only_reference(rewrite["Replace"]) == api
                    return replace(request, host=API_HOST)
        return request

    def _of(self, kind: str) -> list[tuple[str, Resource]]:
        return [
            (name, one["Properties"])
            for name, one in self._resources.items()
            if one["Type"] == kind
        ]

    def _only_reference(self, value: object) -> str:
        """The one resource that a value refers to, in whichever stack."""
        (found,) = {name for name in self._references(value) if name in self._resources}
        return found

    def _references(self, value: Any) -> Iterator[str]:
        if isinstance(value, list):
            for one in value:
                yield from self._references(one)
        elif isinstance(value, dict):
            yield from self._references_of(value)

    def _references_of(self, value: dict[str, Any]) -> Iterator[str]:
        for key, inner in value.items():
            if key == "Ref":
                yield inner
            elif key == "Fn::GetAtt":
                yield inner[0]
            elif key == "Fn::ImportValue":
                yield from self._references(self._exports[inner])
            else:
                yield from self._references(inner)


def _fits(condition: Resource, request: Request) -> bool:
    if condition["Field"] == "host-header":
        return request.host in condition["HostHeaderConfig"]["Values"]
    patterns = condition["PathPatternConfig"]["Values"]
    return any(fnmatchcase(request.path, pattern) for pattern in patterns)
