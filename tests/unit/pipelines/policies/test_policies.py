"""Policies are least: spelled-out actions, our resources, no role for another's work."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipelines.names import Names
from pipelines.policies import POLICIES, TRUST
from pipelines.template.functions import FUNCTIONS
from pipelines.testing.control_plane import Call
from pipelines.testing.iam import Need, needs, statement_for
from tests.support.policy_check import ACCOUNT, BUCKET, REGION, policy_of, refused
from tests.unit.pipelines.image.test_build_script import Machine

WITHOUT_RESOURCE = {
    "cloudwatch:PutMetricData",
    "ecr:GetAuthorizationToken",
    "ecr:GetSigningConfiguration",
    "sagemaker:ListEndpointConfigs",
    "sagemaker:ListModelPackages",
    "sagemaker:ListModels",
    "application-autoscaling:DescribeScalableTargets",
    "application-autoscaling:DescribeScalingPolicies",
    "sts:GetCallerIdentity",
}
"""Actions that IAM knows no resource of."""

CASES = [
    pytest.param(part, statement, id=f"{part}.{statement['Sid']}")
    for part in POLICIES
    for statement in policy_of(part)["Statement"]
]


@pytest.mark.parametrize(("part", "statement"), CASES)
def test_actions_are_spelled_out_and_resources_are_ours(
    part: str, statement: dict[str, Any]
) -> None:
    assert statement["Effect"] == "Allow"
    assert not [one for one in statement["Action"] if "*" in one]
    if statement["Resource"] == ["*"]:
        assert set(statement["Action"]) <= WITHOUT_RESOURCE
        return
    for resource in statement["Resource"]:
        assert "keepwarm" in resource or _is_held_by_a_condition(statement, resource)


def _is_held_by_a_condition(statement: dict[str, Any], resource: str) -> bool:
    """Scalable targets, all jobs' log group, looking at alarms: these ARNs have no name of ours."""
    if "scalable-target/" in resource:
        return "Condition" in statement
    if resource.endswith("/ProcessingJobs:*"):
        return statement["Sid"] == "LogGroup"
    linked = "role/aws-service-role/sagemaker.application-autoscaling" in resource
    return linked or statement["Action"] == ["cloudwatch:DescribeAlarms"]


def test_two_deployments_in_one_account_do_not_touch_each_other() -> None:
    other = str(POLICIES["deploy"](Names("other"), ACCOUNT, REGION, "other-bucket"))
    assert "keepwarm" not in other


def test_texts_of_a_template_may_stand_in_for_account_and_region() -> None:
    made = str(POLICIES["deploy"](Names(), "${A}", "${R}", "${B}", partition="${P}"))
    assert "arn:${P}:sagemaker:${R}:${A}:endpoint/keepwarm" in made
    assert "arn:${P}:s3:::${B}/versions/*" in made


def test_every_function_has_a_policy_of_its_own() -> None:
    assert {one.task for one in FUNCTIONS} <= POLICIES.keys()
    assert POLICIES.keys() == TRUST.keys()


def test_the_build_s_script_may_do_what_it_does(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    with machine.commands:
        assert machine.run().returncode == 0
    calls = [call for call in machine.account.plane.calls if call.role == "build"]
    # The script's password is the stand-in's GetCallerIdentity; in truth it is a right of the
    # registry, ecr:GetAuthorizationToken.
    assert refused([call for call in calls if call.service != "sts"]) == set()
    assert calls


@pytest.mark.parametrize(
    ("part", "action", "resource"),
    [
        ("judge", "sagemaker:UpdateModelPackage", f"model-package/keepwarm/{1}"),
        ("teardown", "sagemaker:DeleteEndpoint", "endpoint/keepwarm"),
        ("teardown", "sagemaker:DeleteModel", "model/keepwarm-v1-0123456789"),
        ("pipeline", "sagemaker:UpdateEndpoint", "endpoint/keepwarm"),
        ("steps", "sagemaker:InvokeEndpoint", "endpoint/keepwarm"),
        ("deploy", "sagemaker:DeleteModel", "model/keepwarm-staging-e1-x"),
        ("deploy", "sagemaker:DeleteModelPackage", "model-package/keepwarm/1"),
        ("register", "sagemaker:UpdateModelPackage", "model-package/keepwarm/1"),
    ],
)
def test_nobody_may_do_another_s_work(part: str, action: str, resource: str) -> None:
    need = Need(action, f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:{resource}")
    assert statement_for(policy_of(part), need) is None


def test_a_role_is_handed_to_sagemaker_alone() -> None:
    role = f"arn:aws:iam::{ACCOUNT}:role/keepwarm-execution"
    call = Call(
        "sagemaker", "CreateModel", {"ModelName": "keepwarm-v1-0", "ExecutionRoleArn": role}
    )
    _, passing = needs(call)
    assert statement_for(policy_of("deploy"), passing)
    other = Need("iam:PassRole", role, {"iam:PassedToService": "ec2.amazonaws.com"})
    assert statement_for(policy_of("deploy"), other) is None
    assert statement_for(policy_of("deploy"), Need("iam:PassRole", role)) is None


def test_only_endpoints_are_scaled() -> None:
    def need(namespace: str) -> Need:
        context = {
            "application-autoscaling:service-namespace": namespace,
            "application-autoscaling:scalable-dimension": "sagemaker:variant:DesiredInstanceCount",
        }
        target = f"arn:aws:application-autoscaling:{REGION}:{ACCOUNT}:scalable-target/0abc"
        return Need("application-autoscaling:RegisterScalableTarget", target, context)

    assert statement_for(policy_of("deploy"), need("sagemaker"))
    assert statement_for(policy_of("deploy"), need("ecs")) is None


def test_a_call_whose_resource_nobody_named_is_an_error() -> None:
    with pytest.raises(NotImplementedError, match="DeleteEverything"):
        needs(Call("sagemaker", "DeleteEverything", {}))


def test_buckets_are_the_deployment_s() -> None:
    other = Need("s3:GetObject", "arn:aws:s3:::somebody-else/weights/model.safetensors")
    own = Need("s3:GetObject", f"arn:aws:s3:::{BUCKET}/models/a/model.safetensors")
    beside = Need("s3:GetObject", "arn:aws:s3:::keepwarm-weights/a/model.safetensors")
    allowed = [bool(statement_for(policy_of("execution"), one)) for one in (other, own, beside)]
    assert allowed == [False, True, True]
