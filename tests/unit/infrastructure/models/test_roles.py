"""The execution role: one repository, one prefix, its own logs, and nothing of anybody else's."""

from __future__ import annotations

from typing import Any

from tests.support.capacity_boxes import OWN_IMAGE, endpoint_template, joined

ROLE = "AWS::IAM::Role"


def test_only_sagemaker_takes_the_role():
    (statement,) = endpoint_template().only(ROLE)["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Service": "sagemaker.amazonaws.com"}


def test_the_weights_are_read_below_their_prefix_alone():
    statements = _statements(model=OWN_IMAGE)
    assert _resources(statements["ReadWeights"]) == ["arn:aws:s3:::weights/models/1/*"]
    assert statements["ListWeights"]["Condition"] == {"StringLike": {"s3:prefix": "models/1/*"}}


def test_images_come_from_one_repository_alone():
    own = _resources(_statements(model=OWN_IMAGE)["PullImage"])
    assert own == ["arn:aws:ecr:us-east-1:111122223333:repository/keepwarm"]


def test_a_packages_image_and_weights_are_those_of_the_pipeline():
    statements = _statements()
    assert _resources(statements["PullImage"]) == [
        "arn:aws:ecr:us-east-1:111122223333:repository/keepwarm"
    ]
    assert _resources(statements["ReadWeights"]) == [
        "arn:aws:s3:::keepwarm-111122223333-us-east-1/*"
    ]


def test_a_star_as_resource_is_of_actions_that_know_none():
    stars = {name for name, one in _statements().items() if _resources(one) == ["*"]}
    assert stars == {"EnterRegistry", "Measure", "LookAtNetwork"}


def test_no_action_is_a_pattern():
    for statement in _statements().values():
        assert not any("*" in one for one in _listed(statement["Action"]))


def test_metrics_may_be_written_into_sagemakers_namespace_alone():
    assert _statements()["Measure"]["Condition"] == {
        "StringLike": {"cloudwatch:namespace": "/aws/sagemaker/*"}
    }


def _statements(**changes: Any) -> dict[str, dict[str, Any]]:
    (policy,) = endpoint_template("prod", **changes).only(ROLE)["Policies"]
    return {one["Sid"]: one for one in policy["PolicyDocument"]["Statement"]}


def _resources(statement: dict[str, Any]) -> list[str]:
    return [joined(one) for one in _listed(statement["Resource"])]


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
