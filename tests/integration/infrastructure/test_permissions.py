"""Every permission is in a reviewed snapshot, and some must never be there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from infrastructure.checks.iam import (
    listing,
    role_statements,
    trust,
    wide_actions,
    wide_resources,
)
from infrastructure.diagram.boxes import is_helper
from tests.support.edge import Edges

STAGES = ("dev", "prod")
SNAPSHOTS = Path(__file__).parents[2] / "unit" / "infrastructure" / "snapshots"

# Actions that know no resource, so that `*` is all that can be said; each is bound otherwise or
# harmless.
_INTERFACES = "AWS's own list for a function in a VPC; another statement denies them to its code"
_DESCRIBES = "describing knows no resources"
WITHOUT_RESOURCES = {
    "cloudwatch:PutMetricData": "bound by a condition on the namespace",
    "dynamodb:ListStreams": "what an event source of a table's stream is asked for",
    "ec2:AssignPrivateIpAddresses": _INTERFACES,
    "ec2:CreateNetworkInterface": _INTERFACES,
    "ec2:DeleteNetworkInterface": _INTERFACES,
    "ec2:DescribeDhcpOptions": _DESCRIBES,
    "ec2:DescribeManagedPrefixLists": _DESCRIBES,
    "ec2:DescribeNetworkInterfaces": _DESCRIBES,
    "ec2:DescribeSecurityGroups": _DESCRIBES,
    "ec2:DescribeSubnets": _DESCRIBES,
    "ec2:DescribeVpcs": _DESCRIBES,
    "ec2:UnassignPrivateIpAddresses": _INTERFACES,
    "ecr:GetAuthorizationToken": "a token for the registry; what it opens, other statements say",
    "ssmmessages:CreateControlChannel": "channels are made by the agent",
    "ssmmessages:CreateDataChannel": "channels are made by the agent",
    "ssmmessages:OpenControlChannel": "channels are made by the agent",
    "ssmmessages:OpenDataChannel": "channels are made by the agent",
    "xray:PutTelemetryRecords": "traces have no resource",
    "xray:PutTraceSegments": "traces have no resource",
}


@pytest.mark.parametrize("stage", STAGES)
def test_the_permissions_are_those_of_the_reviewed_snapshot(edges: Edges, stage: str) -> None:
    reviewed = json.loads((SNAPSHOTS / f"iam-{stage}.json").read_text(encoding="utf-8"))

    assert listing(edges(stage).assembly) == reviewed, (
        f"review the change, then: python -m infrastructure.checks iam --stage {stage} "
        f"> tests/unit/infrastructure/snapshots/iam-{stage}.json"
    )


@pytest.mark.parametrize("stage", STAGES)
def test_no_role_may_do_everything_with_a_service(edges: Edges, stage: str) -> None:
    assert list(wide_actions(role_statements(edges(stage).assembly))) == []


@pytest.mark.parametrize("stage", STAGES)
def test_every_resource_is_meant_only_where_an_action_knows_none(edges: Edges, stage: str) -> None:
    found = wide_resources(role_statements(edges(stage).assembly))

    unexplained = {(role, action) for role, action in found if action not in WITHOUT_RESOURCES}
    assert unexplained == set()


def test_every_explanation_is_needed(edges: Edges) -> None:
    used = {
        action
        for stage in STAGES
        for _, action in wide_resources(role_statements(edges(stage).assembly))
    }

    assert set(WITHOUT_RESOURCES) == used


@pytest.mark.parametrize("stage", STAGES)
def test_only_services_of_aws_wear_roles(edges: Edges, stage: str) -> None:
    for role, statements in trust(edges(stage).assembly).items():
        for statement in statements:
            assert set(statement["principal"]) == {"Service"}, role


@pytest.mark.parametrize("stage", STAGES)
def test_managed_policies_are_the_cdk_s_helpers_and_api_gateway_s_alone(
    edges: Edges, stage: str
) -> None:
    for role, statements in role_statements(edges(stage).assembly).items():
        if any("managed" in statement for statement in statements):
            box = "/".join(role.split("/")[:2])
            assert is_helper(box) or role.endswith("CloudWatchRole"), role
