"""Only CloudFront can be reached from the internet, and nothing inside reaches out by itself."""

from __future__ import annotations

import json

import pytest

from tests.support.edge import Edges

STAGES = ("dev", "prod")


@pytest.mark.parametrize("stage", STAGES)
def test_no_subnet_is_public_and_none_has_a_route_out(edges: Edges, stage: str) -> None:
    edge = edges(stage)

    assert not list(edge.resources("AWS::EC2::NatGateway", "AWS::EC2::EIP"))
    assert list(edge.resources("AWS::EC2::Subnet"))
    for subnet in edge.resources("AWS::EC2::Subnet"):
        assert not subnet.properties.get("MapPublicIpOnLaunch"), subnet.path
    for route in edge.resources("AWS::EC2::Route"):
        assert "GatewayId" not in route.properties, route.path


@pytest.mark.parametrize("stage", STAGES)
def test_no_security_group_takes_anything_from_an_address(edges: Edges, stage: str) -> None:
    for group in edges(stage).resources("AWS::EC2::SecurityGroup"):
        assert not group.properties.get("SecurityGroupIngress"), group.path
    rules = list(edges(stage).resources("AWS::EC2::SecurityGroupIngress"))
    assert rules
    for rule in rules:
        assert not {"CidrIp", "CidrIpv6"} & set(rule.properties), rule.path
        assert "SourceSecurityGroupId" in rule.properties, rule.path
        assert rule.properties["FromPort"] == rule.properties["ToPort"], rule.path


@pytest.mark.parametrize("stage", STAGES)
def test_no_security_group_sends_to_any_address(edges: Edges, stage: str) -> None:
    for group in edges(stage).resources("AWS::EC2::SecurityGroup"):
        for rule in group.properties.get("SecurityGroupEgress", []):
            # What the CDK writes for 'nothing': an address that nobody has.
            assert rule.get("CidrIp") in (None, "255.255.255.255/32"), group.path
            assert "CidrIpv6" not in rule, group.path
    for rule in edges(stage).resources("AWS::EC2::SecurityGroupEgress"):
        assert not {"CidrIp", "CidrIpv6"} & set(rule.properties), rule.path


@pytest.mark.parametrize("stage", STAGES)
def test_every_balancer_is_internal(edges: Edges, stage: str) -> None:
    balancers = list(edges(stage).resources("AWS::ElasticLoadBalancingV2::LoadBalancer"))

    assert balancers
    for balancer in balancers:
        assert balancer.properties["Scheme"] == "internal", balancer.path


@pytest.mark.parametrize("stage", STAGES)
def test_no_instance_gets_a_public_address(edges: Edges, stage: str) -> None:
    for template in edges(stage).resources("AWS::EC2::LaunchTemplate"):
        data = template.properties["LaunchTemplateData"]
        for interface in data.get("NetworkInterfaces", []):
            assert interface.get("AssociatePublicIpAddress") is not True, template.path


@pytest.mark.parametrize("stage", STAGES)
def test_no_bucket_is_public(edges: Edges, stage: str) -> None:
    buckets = list(edges(stage).resources("AWS::S3::Bucket"))

    assert buckets
    for bucket in buckets:
        assert bucket.properties["PublicAccessBlockConfiguration"] == {
            "BlockPublicAcls": True,
            "BlockPublicPolicy": True,
            "IgnorePublicAcls": True,
            "RestrictPublicBuckets": True,
        }, bucket.path


@pytest.mark.parametrize("stage", STAGES)
def test_the_api_is_private_and_takes_requests_of_one_endpoint_alone(
    edges: Edges, stage: str
) -> None:
    (api,) = edges(stage).resources("AWS::ApiGateway::RestApi")

    assert api.properties["EndpointConfiguration"]["Types"] == ["PRIVATE"]
    deny, allow = api.properties["Policy"]["Statement"]
    assert (deny["Effect"], allow["Effect"]) == ("Deny", "Allow")
    assert set(deny["Condition"]["StringNotEquals"]) == {"aws:SourceVpce"}
    assert set(allow["Condition"]["StringEquals"]) == {"aws:SourceVpce"}


@pytest.mark.parametrize("stage", STAGES)
def test_no_function_has_an_address_of_its_own(edges: Edges, stage: str) -> None:
    assert not list(edges(stage).resources("AWS::Lambda::Url"))
    for permission in edges(stage).resources("AWS::Lambda::Permission"):
        assert permission.properties["Principal"] != "*", permission.path


@pytest.mark.parametrize("stage", STAGES)
def test_whoever_is_anybody_in_a_policy_is_bound_by_a_condition(edges: Edges, stage: str) -> None:
    for resource in edges(stage).resources():
        for key in ("PolicyDocument", "KeyPolicy", "ResourcePolicy", "Policy"):
            document = resource.properties.get(key)
            statements = document["Statement"] if isinstance(document, dict) else []
            for statement in statements:
                anybody = statement.get("Principal") in ("*", {"AWS": "*"})
                if anybody and statement["Effect"] == "Allow":
                    assert bounded(resource.type, statement), (resource.path, statement)


def bounded(kind: str, statement: dict[str, object]) -> bool:
    """By a condition; or by the resources, in the policy of an endpoint inside the VPC."""
    names = json.dumps(statement["Resource"])
    return bool(statement.get("Condition")) or (
        kind == "AWS::EC2::VPCEndpoint" and names not in ('"*"', '["*"]')
    )
