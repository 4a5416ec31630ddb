"""Who may talk to whom: the rules of the template are those of the table, each and no other."""

from __future__ import annotations

import pytest

from infrastructure.network.security import DYNAMODB, INTERNET, ORIGIN, S3, Arrow, arrows
from tests.support.edge_boxes import EdgeTemplates, Resource, edge_stage, edge_templates

VARIANTS = ("plain", "fleet", "own_issuer", "kept")
GROUP = "AWS::EC2::SecurityGroup"

Rule = tuple[str, str, int]


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_ingress_rule_is_an_arrow_of_the_table(variant: str):
    outside = {S3, DYNAMODB, INTERNET}
    expected = {_key(one) for one in arrows(edge_stage(variant)) if one.target not in outside}
    assert sorted(_ingress(edge_templates(variant))) == sorted(expected)


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_egress_rule_is_an_arrow_of_the_table(variant: str):
    expected = {_key(one) for one in arrows(edge_stage(variant)) if one.source != ORIGIN}
    assert sorted(_egress(edge_templates(variant))) == sorted(expected)


@pytest.mark.parametrize("variant", VARIANTS)
def test_no_group_takes_anything_from_an_address(variant: str):
    for rule in _rules(edge_templates(variant), "Ingress"):
        assert "CidrIp" not in rule and "CidrIpv6" not in rule


@pytest.mark.parametrize("variant", ("plain", "fleet", "kept"))
def test_no_group_may_send_to_an_address(variant: str):
    for rule in _rules(edge_templates(variant), "Egress"):
        assert "CidrIp" not in rule and "CidrIpv6" not in rule


def test_only_an_issuer_of_ones_own_opens_a_way_to_the_internet():
    rules = _rules(edge_templates("own_issuer"), "Egress")
    (public,) = [rule for rule in rules if "CidrIp" in rule]
    assert _name_of(public["GroupId"]) == "function"
    assert (public["CidrIp"], public["FromPort"], public["ToPort"]) == ("0.0.0.0/0", 443, 443)


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_rule_is_for_one_port_and_says_why(variant: str):
    templates = edge_templates(variant)
    for rule in [*_rules(templates, "Ingress"), *_rules(templates, "Egress")]:
        assert rule["FromPort"] == rule["ToPort"]
        assert rule["Description"]


@pytest.mark.parametrize("variant", VARIANTS)
def test_no_group_is_left_with_ec2s_own_rule_to_everywhere(variant: str):
    """EC2 gives it to every group that is made without an egress rule in itself."""
    for name, group in edge_templates(variant).network.named(GROUP):
        assert group["Properties"].get("SecurityGroupEgress"), name


def test_there_is_no_group_of_a_fleet_or_model_that_is_not_there():
    names = {_words(name) for name, _ in edge_templates().network.named(GROUP)}
    assert names == {
        "balancer",
        "api_endpoint",
        "function",
        "sweeper",
        "consumer",
        "sessions",
        "endpoints",
    }


def _rules(templates: EdgeTemplates, way: str) -> list[Resource]:
    """All rules of one way: those that stand alone, and those inside of groups."""
    found = []
    for template in (templates.network, templates.edge, templates.chat):
        found += template.of_type(f"{GROUP}{way}")
        for name, group in template.named(GROUP):
            inside = group["Properties"].get(f"{GROUP.rsplit('::', 1)[1]}{way}", [])
            found += [{**rule, "GroupId": name} for rule in inside if not _closes(rule)]
    return found


def _closes(rule: Resource) -> bool:
    """The rule that the library gives a group without any, to keep EC2's own open one away."""
    return (rule["CidrIp"], rule["IpProtocol"]) == ("255.255.255.255/32", "icmp")


def _ingress(templates: EdgeTemplates) -> list[Rule]:
    return [
        (_name_of(rule["SourceSecurityGroupId"]), _name_of(rule["GroupId"]), rule["FromPort"])
        for rule in _rules(templates, "Ingress")
    ]


def _egress(templates: EdgeTemplates) -> list[Rule]:
    return [
        (_name_of(rule["GroupId"]), _target_of(rule), rule["FromPort"])
        for rule in _rules(templates, "Egress")
    ]


def _key(arrow: Arrow) -> Rule:
    return (arrow.source, arrow.target, arrow.port)


def _target_of(rule: Resource) -> str:
    if "DestinationSecurityGroupId" in rule:
        return _name_of(rule["DestinationSecurityGroupId"])
    if "DestinationPrefixListId" in rule:
        return DYNAMODB if "dynamodb" in str(rule["DestinationPrefixListId"]) else S3
    return INTERNET


def _name_of(reference: object) -> str:
    """Which group a reference means, in the words of the table."""
    text = str(reference)
    if "VpcOriginServiceGroup" in text:
        return ORIGIN
    return _words(text)


def _words(text: str) -> str:
    known = {
        "SecurityFleetBalancer": "fleet_balancer",
        "SecurityFleet": "fleet",
        "SecurityBalancer": "balancer",
        "SecurityApiEndpoint": "api_endpoint",
        "SecurityFunction": "function",
        "SecuritySweeper": "sweeper",
        "SecurityConsumer": "consumer",
        "SecuritySessions": "sessions",
        "SecurityModel": "model",
        "SecurityEndpoints": "endpoints",
    }
    return next(name for part, name in known.items() if part in text)
