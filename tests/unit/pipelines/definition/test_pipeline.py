"""The pipeline in the account: put there, started, followed; and which image serves."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pipelines.definition import steps
from pipelines.definition.execution import StepState, follow, progress
from pipelines.definition.pipeline import serving_image, start, upsert, weights_place
from pipelines.errors import DeployError, SettingsError
from pipelines.testing.control_plane import ControlPlane
from pipelines.testing.control_plane.pipelines import Pipelines
from tests.unit.pipelines.definition.planted import clean, settings

WEIGHTS = {"WeightsUri": "s3://models/chat/8/"}
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/keepwarm@sha256:" + "ab" * 32


@pytest.fixture
def plane() -> ControlPlane:
    return ControlPlane()


def started(plane: ControlPlane) -> str:
    upsert(plane, settings(), clean())
    return start(plane, settings(), WEIGHTS)


def serve(plane: ControlPlane, image: str = IMAGE) -> None:
    sagemaker = plane.client("sagemaker")
    role = "arn:aws:iam::123456789012:role/keepwarm-execution"
    sagemaker.create_model(ModelName="m1", ExecutionRoleArn=role, PrimaryContainer={"Image": image})
    sagemaker.create_endpoint_config(
        EndpointConfigName="c1",
        ProductionVariants=[
            {
                "VariantName": "main",
                "ModelName": "m1",
                "InitialInstanceCount": 2,
                "InstanceType": "ml.g6e.2xlarge",
            }
        ],
    )
    sagemaker.create_endpoint(EndpointName="keepwarm", EndpointConfigName="c1")


def test_upsert_creates_then_leaves_alone_then_updates(plane: ControlPlane) -> None:
    assert upsert(plane, settings(), clean()) == "created"
    assert upsert(plane, settings(), clean()) == "unchanged"
    assert upsert(plane, settings(), clean(instance="ml.g5.2xlarge")) == "updated"
    found = plane.client("sagemaker").describe_pipeline(PipelineName="keepwarm")
    assert json.loads(found["PipelineDefinition"]) == clean(instance="ml.g5.2xlarge")
    assert found["RoleArn"] == "arn:aws:iam::123456789012:role/keepwarm-pipeline"


def test_a_pipeline_that_cannot_be_put_there_says_why(plane: ControlPlane) -> None:
    plane.fail("sagemaker", "CreatePipeline", "AccessDeniedException")
    with pytest.raises(DeployError, match="pipeline keepwarm: AWS answers AccessDenied"):
        upsert(plane, settings(), clean())
    assert upsert(plane, settings(), clean()) == "created"


def test_an_execution_gets_its_parameters(plane: ControlPlane) -> None:
    execution = started(plane)
    given = plane.client("sagemaker").list_pipeline_parameters_for_execution(
        PipelineExecutionArn=execution
    )
    assert given["PipelineParameters"] == [{"Name": "WeightsUri", "Value": WEIGHTS["WeightsUri"]}]


def test_without_a_pipeline_start_names_the_command_that_makes_one(plane: ControlPlane) -> None:
    with pytest.raises(DeployError, match="no pipeline keepwarm in us-east-1: run `keepwarm pip"):
        start(plane, settings(), WEIGHTS)


def test_following_tells_each_change_once_and_the_end(plane: ControlPlane) -> None:
    execution = started(plane)
    script = iter(
        [
            lambda: plane.part(Pipelines).step(execution, steps.BUILD_IMAGE, "Executing"),
            lambda: None,
            lambda: plane.part(Pipelines).step(execution, steps.BUILD_IMAGE, "Succeeded"),
            lambda: plane.part(Pipelines).finish(execution),
        ]
    )
    heard: list[StepState] = []
    ended = follow(plane, execution, heard.append, lambda seconds: next(script)())
    assert [(one.name, one.status) for one in heard] == [
        (steps.BUILD_IMAGE, "Executing"),
        (steps.BUILD_IMAGE, "Succeeded"),
    ]
    assert ended.succeeded
    assert ended.reasons == []


@pytest.mark.parametrize("status", ["Failed", "Stopped", "CompletedWithFailures"])
def test_every_other_end_is_no_success(plane: ControlPlane, status: str) -> None:
    execution = started(plane)
    plane.part(Pipelines).step(execution, steps.VALIDATE, "Failed", "a pickle")
    plane.part(Pipelines).finish(execution, status)
    ended = progress(plane, execution)
    assert ended.ended
    assert not ended.succeeded
    assert ended.reasons == ["ValidateWeights: a pickle"]


def test_the_serving_image_is_that_of_the_version_that_serves(plane: ControlPlane) -> None:
    serve(plane)
    plane.advance(3600)
    assert serving_image(plane, settings().names) == IMAGE


def test_nothing_serves_where_there_is_no_endpoint_or_it_is_just_created(
    plane: ControlPlane,
) -> None:
    why = "nothing serves at keepwarm yet.*keepwarm pipeline start --weights"
    with pytest.raises(DeployError, match=why):
        serving_image(plane, settings().names)
    serve(plane)
    with pytest.raises(DeployError, match=why):
        serving_image(plane, settings().names)


def test_an_image_by_its_tag_is_not_taken_over(plane: ControlPlane) -> None:
    serve(plane, "somebody/else:latest")
    plane.advance(3600)
    with pytest.raises(DeployError, match=r"without a digest \(somebody/else:latest\)"):
        serving_image(plane, settings().names)


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("s3://keepwarm-models/chat/8", "s3://keepwarm-models/chat/8/"),
        ("s3://keepwarm-models/chat/8/", "s3://keepwarm-models/chat/8/"),
        ("s3://keepwarm-models", "s3://keepwarm-models/"),
        ("s3://keepwarm-123456789012-us-east-1/8", "s3://keepwarm-123456789012-us-east-1/8/"),
    ],
)
def test_weights_are_a_prefix(url: str, place: str) -> None:
    assert weights_place(url, settings()) == place


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("models/chat", "not of the form s3://bucket/prefix"),
        ("s3:///chat", "not of the form s3://bucket/prefix"),
        ("s3://models/chat.tar.gz", "is an archive.*keepwarm model pack"),
        ("s3://models/CHAT.TGZ", "is an archive"),
        ("s3://models/chat", "may not read the bucket models.*begins with keepwarm-"),
        ("s3://keepwarmer/chat", "may not read the bucket keepwarmer"),
    ],
)
def test_what_the_pipeline_cannot_take_is_refused(url: str, why: Any) -> None:
    with pytest.raises(SettingsError, match=why):
        weights_place(url, settings())
