"""The rules of the whole edge: each is an arrow of the table, and each part stands in its group."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from infrastructure.assembly import Resource
from infrastructure.network.security import DYNAMODB, INTERNET, ORIGIN, S3, arrows
from tests.support.edge import Edge, Edges

STAGES = ("dev", "prod")
GROUP = "AWS::EC2::SecurityGroup"

Rule = tuple[str, str, int]


@pytest.mark.parametrize("stage", STAGES)
def test_what_may_come_in_is_the_table_and_nothing_else(edges: Edges, stage: str) -> None:
    edge = edges(stage)
    table = [one for one in arrows(edge.stage) if one.target not in (S3, DYNAMODB, INTERNET)]

    found = [
        (_end(edge, rule, "SourceSecurityGroupId"), _end(edge, rule, "GroupId"), _port(rule))
        for rule in edge.resources(f"{GROUP}Ingress")
    ]
    assert sorted(found) == sorted((one.source, one.target, one.port) for one in table)


@pytest.mark.parametrize("stage", STAGES)
def test_what_may_go_out_is_the_table_and_nothing_else(edges: Edges, stage: str) -> None:
    edge = edges(stage)
    table = [one for one in arrows(edge.stage) if one.source != ORIGIN]

    found = [
        (_end(edge, rule, "GroupId"), _target(edge, rule), _port(rule))
        for rule in edge.resources(f"{GROUP}Egress")
    ]
    assert sorted(found) == sorted((one.source, one.target, one.port) for one in table)


@pytest.mark.parametrize("stage", STAGES)
def test_no_group_is_made_beside_the_table(edges: Edges, stage: str) -> None:
    for group in edges(stage).resources(GROUP):
        assert group.box == "network/Security", group.path


@pytest.mark.parametrize("stage", STAGES)
def test_every_part_stands_in_the_group_that_the_table_means(edges: Edges, stage: str) -> None:
    edge = edges(stage)
    expected = {
        "chat/Orchestrator": {"function"},
        "chat/Sweeper": {"sweeper"},
        "chat/Consumer": {"consumer"},
        "data/Sessions": {"sessions"},
        "edge/Balancer": {"balancer"},
        "network/Endpoints": {"api_endpoint", "endpoints"},
        "models/Endpoint": {"model"},
    }
    if edge.stage.fleet.enabled:
        expected["models/Fleet"] = {"fleet", "fleet_balancer"}

    found: dict[str, set[str]] = {}
    for resource, group in _memberships(edge):
        found.setdefault(resource.box, set()).add(group)
    assert found == expected


@pytest.mark.parametrize("stage", STAGES)
def test_what_listens_listens_on_the_port_that_the_table_opens(edges: Edges, stage: str) -> None:
    edge = edges(stage)
    opened = {(one.target, one.port) for one in arrows(edge.stage)}

    listening = set(_listening(edge))

    assert ("balancer", 443) in listening
    assert ("sessions", 6379) in listening
    assert listening <= opened


@pytest.mark.parametrize("stage", STAGES)
def test_endpoints_let_through_what_the_parts_inside_may_do_and_nothing_else(
    edges: Edges, stage: str
) -> None:
    """A right without a way is dead, in production only; a way without a right is an open door."""
    edge = edges(stage)
    ways = _actions_of_endpoints(edge)
    services = {action.partition(":")[0] for action in ways}

    rights = {action for action in _calls(edge) if action.partition(":")[0] in services}

    assert rights == ways


# What Lambda itself does as a function, outside the VPC: poll, and read the stream of changes.
_BY_LAMBDA = ("Describe", "GetRecords", "GetShardIterator", "ListShards", "ListStreams")


def _listening(edge: Edge) -> Iterator[tuple[str, int]]:
    """Groups of the table, and the ports of what stands in them."""
    balancers = {"edge/Balancer": "balancer", "models/Fleet": "fleet_balancer"}
    for listener in edge.resources("AWS::ElasticLoadBalancingV2::Listener"):
        yield balancers[listener.box], listener.properties["Port"]
    targets = {"edge/Balancer": "api_endpoint", "models/Fleet": "fleet"}
    for group in edge.resources("AWS::ElasticLoadBalancingV2::TargetGroup"):
        yield targets[group.box], group.properties["Port"]
    for store in edge.resources("AWS::ElastiCache::ReplicationGroup"):
        yield "sessions", store.properties["Port"]


def _calls(edge: Edge) -> Iterator[str]:
    """The actions that code inside the VPC may call."""
    for policy in edge.resources("AWS::IAM::Policy"):
        if policy.box in ("chat/Orchestrator", "chat/Sweeper", "chat/Consumer"):
            yield from _allowed(policy.properties["PolicyDocument"])
    for role in edge.resources("AWS::IAM::Role"):
        if role.box == "models/Fleet":
            for policy in role.properties["Policies"]:
                yield from _allowed(policy["PolicyDocument"])


def _allowed(document: Any) -> Iterator[str]:
    for statement in document["Statement"]:
        for action in _listed(statement["Action"]) if statement["Effect"] == "Allow" else ():
            if not action.partition(":")[2].startswith(_BY_LAMBDA):
                yield action


def _actions_of_endpoints(edge: Edge) -> set[str]:
    """What the endpoints of the VPC let its own principals do."""
    return {
        action
        for endpoint in edge.resources("AWS::EC2::VPCEndpoint")
        for statement in endpoint.properties["PolicyDocument"]["Statement"]
        if "Condition" in statement  # the others are for the page's requests and image layers
        for action in _listed(statement["Action"])
    }


def _memberships(edge: Edge) -> Iterator[tuple[Resource, str]]:
    """Each resource that stands in a group, and the group's name in the table."""
    for resource in edge.resources():
        if resource.type.startswith(GROUP):
            continue
        for reference in edge.assembly.references(resource.part, resource.properties):
            if reference.resource.type == GROUP:
                yield resource, _name(reference.resource)


def _end(edge: Edge, rule: Resource, key: str) -> str:
    (reference,) = edge.assembly.references(rule.part, rule.properties[key])
    return _name(reference.resource)


def _target(edge: Edge, rule: Resource) -> str:
    if "DestinationSecurityGroupId" in rule.properties:
        return _end(edge, rule, "DestinationSecurityGroupId")
    (reference,) = edge.assembly.references(rule.part, rule.properties["DestinationPrefixListId"])
    return DYNAMODB if "dynamodb" in reference.resource.path else S3


def _name(resource: Resource) -> str:
    """`network/Security/FleetBalancer` is `fleet_balancer`; what is looked up is CloudFront's."""
    if resource.type != GROUP:
        return ORIGIN
    word = resource.path.rpartition("/")[2]
    return "".join(f"_{one.lower()}" if one.isupper() else one for one in word).lstrip("_")


def _port(rule: Resource) -> int:
    assert rule.properties["FromPort"] == rule.properties["ToPort"], rule.path
    return int(rule.properties["ToPort"])


def _listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)
