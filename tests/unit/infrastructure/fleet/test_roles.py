"""An instance's role: one repository, one prefix, its own logs, metrics and goodbye."""

from __future__ import annotations

from typing import Any

from infrastructure.fleet.names import NAMESPACE
from infrastructure.network.services import FLEET_SERVICES
from tests.support.capacity_boxes import fleet_template, joined

# The container's logs are written by docker, image layers come by signed addresses from S3.
REACHED_OTHERWISE = {"s3:GetObject", "s3:ListBucket"}


def test_only_ec2_takes_the_role():
    role = _role()
    (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Service": "ec2.amazonaws.com"}
    assert "ManagedPolicyArns" not in role


def test_everything_but_three_things_is_on_named_resources():
    stars = {name for name, one in _statements().items() if _resources(one) == ["*"]}
    assert stars == {"EnterRegistry", "Measure", "OpenSessions"}


def test_no_action_is_a_pattern():
    for statement in _statements().values():
        assert not any("*" in one for one in _listed(statement["Action"]))


def test_image_model_and_logs_are_the_fleets_own():
    statements = _statements()
    here = "us-east-1:111122223333"
    assert _resources(statements["PullImage"]) == [f"arn:aws:ecr:{here}:repository/keepwarm"]
    assert _resources(statements["ReadWeights"]) == [
        "arn:aws:s3:::keepwarm-111122223333-us-east-1/models/1/*"
    ]
    assert _resources(statements["WriteLogs"]) == [
        f"arn:aws:logs:{here}:log-group:/keepwarm/prod/fleet:log-stream:*"
    ]


def test_it_ends_instances_of_its_own_group_alone():
    statement = _statements()["EndGracefully"]
    assert statement["Action"] == [
        "autoscaling:CompleteLifecycleAction",
        "autoscaling:SetInstanceHealth",
    ]
    assert _resources(statement) == [
        "arn:aws:autoscaling:us-east-1:111122223333:"
        "autoScalingGroup:*:autoScalingGroupName/keepwarm-prod-fleet"
    ]


def test_it_measures_in_its_own_namespace_alone():
    assert _statements()["Measure"]["Condition"] == {
        "StringLike": {"cloudwatch:namespace": NAMESPACE}
    }


def test_every_call_that_it_may_make_has_an_endpoint_in_the_vpc_that_lets_it_through():
    through = {action for service in FLEET_SERVICES for action in service.actions}
    allowed = {one for statement in _statements().values() for one in _listed(statement["Action"])}
    assert allowed - through == REACHED_OTHERWISE


def _role() -> dict[str, Any]:
    roles = fleet_template().of_type("AWS::IAM::Role")
    (found,) = [one for one in roles if one["Policies"][0]["PolicyName"] == "Instance"]
    return found


def _statements() -> dict[str, dict[str, Any]]:
    (policy,) = _role()["Policies"]
    return {one["Sid"]: one for one in policy["PolicyDocument"]["Statement"]}


def _resources(statement: dict[str, Any]) -> list[str]:
    return [joined(one) for one in _listed(statement["Resource"])]


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
