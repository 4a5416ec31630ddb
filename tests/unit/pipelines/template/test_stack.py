"""The stack: created once, updated when something changed, and its failures told."""

from __future__ import annotations

import json

import pytest

from pipelines.errors import DeployError
from pipelines.template.stack import Stack
from pipelines.testing.control_plane import ControlPlane
from pipelines.testing.control_plane.s3 import S3
from pipelines.testing.control_plane.stacks import LARGEST, Stacks

QUICK = {"Delay": 0, "MaxAttempts": 2}
TEMPLATE = json.dumps(
    {"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}, "Other": {"Type": "AWS::SQS::Queue"}}}
)


@pytest.fixture
def plane() -> ControlPlane:
    return ControlPlane()


@pytest.fixture
def stack(plane: ControlPlane) -> Stack:
    return Stack(plane, "keepwarm-pipeline", QUICK)


def test_created_then_left_alone_then_updated(plane: ControlPlane, stack: Stack) -> None:
    assert not stack.exists
    assert stack.deploy(TEMPLATE, {}) == "created"
    assert stack.exists
    assert stack.deploy(TEMPLATE, {}) == "unchanged"
    assert stack.deploy(TEMPLATE, {"FunctionsKey": "functions/1.zip"}) == "updated"
    assert plane.part(Stacks).parameters("keepwarm-pipeline") == {"FunctionsKey": "functions/1.zip"}


def test_it_cannot_be_deleted_by_accident(plane: ControlPlane, stack: Stack) -> None:
    with plane.watched() as calls:
        stack.deploy(TEMPLATE, {})
    (created,) = [call for call in calls if call.operation == "CreateStack"]
    assert created.parameters["EnableTerminationProtection"] is True


def test_the_first_failure_is_told(plane: ControlPlane, stack: Stack) -> None:
    plane.part(Stacks).broken = {
        "Queue": "the name is taken",
        "Other": "Resource creation cancelled",
    }
    with pytest.raises(DeployError, match="stack keepwarm-pipeline: Queue: the name is taken"):
        stack.deploy(TEMPLATE, {})


def test_failures_of_the_past_are_not(plane: ControlPlane, stack: Stack) -> None:
    stack.deploy(TEMPLATE, {})
    plane.part(Stacks).broken = {"Queue": "the name is taken"}
    with pytest.raises(DeployError, match="Queue: the name is taken"):
        stack.deploy(TEMPLATE, {"FunctionsKey": "functions/1.zip"})
    plane.part(Stacks).broken = {"Other": "too many queues"}
    with pytest.raises(DeployError, match="Other: too many queues"):
        stack.deploy(TEMPLATE, {"FunctionsKey": "functions/2.zip"})
    plane.part(Stacks).broken = {}
    assert stack.deploy(TEMPLATE, {"FunctionsKey": "functions/2.zip"}) == "updated"


def test_a_stack_that_never_came_up_must_be_deleted_by_a_person(
    plane: ControlPlane, stack: Stack
) -> None:
    plane.part(Stacks).broken = {"Queue": "the name is taken"}
    with pytest.raises(DeployError):
        stack.deploy(TEMPLATE, {})
    with pytest.raises(DeployError, match="could not be created before: delete it"):
        stack.deploy(TEMPLATE, {})


def test_who_may_not_is_told(plane: ControlPlane, stack: Stack) -> None:
    plane.fail("cloudformation", "CreateStack", "AccessDenied")
    with pytest.raises(DeployError, match="stack keepwarm-pipeline: AWS answers AccessDenied"):
        stack.deploy(TEMPLATE, {})


def test_a_large_template_is_fetched_from_its_address(plane: ControlPlane, stack: Stack) -> None:
    large = TEMPLATE + " " * LARGEST
    with pytest.raises(DeployError, match="longer than 51200"):
        stack.deploy(large, {})
    plane.part(S3).put("s3://b/templates/1.json", large)
    assert stack.deploy("https://b.s3.us-east-1.amazonaws.com/templates/1.json", {}) == "created"
