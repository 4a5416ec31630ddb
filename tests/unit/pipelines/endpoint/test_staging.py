"""Staging is taken away whatever it came to, and nothing else is."""

from __future__ import annotations

from typing import Any

import pytest

from pipelines.endpoint.staging import EXECUTION_TAG
from pipelines.errors import StagingError
from pipelines.functions.teardown import handle
from pipelines.settings import DeploymentSettings
from pipelines.testing.control_plane import LOST, ControlPlane
from pipelines.testing.control_plane.endpoints import Endpoints
from pipelines.testing.control_plane.models import Models

ROLE = "arn:aws:iam::123456789012:role/keepwarm-execution"
SETTINGS = DeploymentSettings(account="123456789012")
MODEL = "keepwarm-staging-e1-aBcDeF1234"
STEP = {"ExecutionId": "e1"}


@pytest.fixture
def plane() -> ControlPlane:
    return ControlPlane()


def set_up(plane: ControlPlane, execution: str = "e1", upto: str = "endpoint") -> None:
    """What the pipeline makes before Evaluate, as far as it came."""
    sagemaker = plane.client("sagemaker")
    tags = [{"Key": EXECUTION_TAG, "Value": execution}]
    model, name = f"keepwarm-staging-{execution}-aBcDeF1234", f"keepwarm-staging-{execution}"
    sagemaker.create_model(ModelName=model, ExecutionRoleArn=ROLE, Tags=tags)
    if upto == "model":
        return
    variant = {"VariantName": "main", "ModelName": model, "InitialInstanceCount": 1}
    variants = [{**variant, "InstanceType": "ml.g6e.2xlarge"}]
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=variants)
    if upto == "endpoint":
        sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)


def tear_down(plane: ControlPlane, event: dict[str, Any] = STEP) -> str:
    answer = handle(event, plane.as_role("teardown"), SETTINGS, plane.advance)
    plane.advance(600)
    return str(answer["Removed"])


@pytest.mark.parametrize(("upto", "removed"), [("endpoint", 3), ("config", 2), ("model", 1)])
def test_nothing_is_left_however_far_it_came(plane: ControlPlane, upto: str, removed: int) -> None:
    set_up(plane, upto=upto)
    plane.advance(600)
    assert tear_down(plane) == str(removed)
    assert plane.resources() == set()
    assert tear_down(plane) == "0"


def test_an_endpoint_that_still_comes_up_is_waited_for(plane: ControlPlane) -> None:
    set_up(plane)
    assert tear_down(plane) == "3"
    assert plane.resources() == set()


def test_one_that_failed_goes_too(plane: ControlPlane) -> None:
    plane.part(Endpoints).broken[MODEL] = "no capacity"
    set_up(plane)
    plane.advance(600)
    assert tear_down(plane) == "3"
    assert plane.resources() == set()


def test_what_belongs_to_others_stays(plane: ControlPlane) -> None:
    set_up(plane)
    set_up(plane, "e2")
    client = plane.client("sagemaker")
    client.create_model(ModelName="my-keepwarm-staging-e1", ExecutionRoleArn=ROLE)
    plane.advance(600)
    tear_down(plane)
    assert plane.resources() == {
        "endpoint/keepwarm-staging-e2",
        "endpoint-config/keepwarm-staging-e2",
        "model/keepwarm-staging-e2-aBcDeF1234",
        "model/my-keepwarm-staging-e1",
    }


def test_the_event_of_an_execution_s_end_does_the_same(plane: ControlPlane) -> None:
    set_up(plane)
    plane.advance(600)
    arn = "arn:aws:sagemaker:us-east-1:123456789012:pipeline/keepwarm/execution/e1"
    assert tear_down(plane, {"detail": {"pipelineExecutionArn": arn}}) == "3"


def test_an_event_that_names_no_execution_is_refused(plane: ControlPlane) -> None:
    with pytest.raises(StagingError, match="names no execution"):
        tear_down(plane, {})


@pytest.mark.parametrize("call", range(7))
@pytest.mark.parametrize(("code", "after"), [("ThrottlingException", False), (LOST, True)])
def test_after_a_failure_at_any_call_the_next_run_leaves_nothing(
    plane: ControlPlane, call: int, code: str, after: bool
) -> None:
    set_up(plane)
    plane.advance(600)
    plane.fail_call(call, code, after=after)
    try:
        tear_down(plane)
    except StagingError:
        plane.advance(600)
        tear_down(plane)
    assert plane.part(Models).items == {}
    assert plane.resources() == set()
    assert not plane.failures_pending
