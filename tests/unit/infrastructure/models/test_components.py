"""Copies of the model: one on a GPU each, placed by SageMaker, down to none."""

from __future__ import annotations

from typing import Any

from tests.support.capacity_boxes import endpoint_template
from tests.support.shapes import check_request

COMPONENT = "AWS::SageMaker::InferenceComponent"
CONFIG = "AWS::SageMaker::EndpointConfig"


def test_the_component_is_a_request_that_sagemaker_knows():
    check_request("sagemaker", "CreateInferenceComponent", _component())


def test_a_copy_takes_one_gpu():
    needs = _component()["Specification"]["ComputeResourceRequirements"]
    assert needs["NumberOfAcceleratorDevicesRequired"] == 1


def test_a_copy_has_the_time_that_a_large_model_needs():
    assert _component()["Specification"]["StartupParameters"] == {
        "ModelDataDownloadTimeoutInSeconds": 1800,
        "ContainerStartupHealthCheckTimeoutInSeconds": 1800,
    }


def test_instances_follow_the_copies_down_to_none():
    (variant,) = endpoint_template("dev").only(CONFIG)["ProductionVariants"]
    assert variant["ManagedInstanceScaling"] == {
        "Status": "ENABLED",
        "MinInstanceCount": 0,
        "MaxInstanceCount": 1,
    }
    assert "ModelName" not in variant


def test_the_first_deployment_shows_that_a_copy_comes_up():
    assert _component()["RuntimeConfig"] == {"CopyCount": 1}


def test_the_component_waits_for_its_endpoint():
    template = endpoint_template("dev")
    ((_, component),) = template.named(COMPONENT)
    ((endpoint, _),) = template.named("AWS::SageMaker::Endpoint")
    assert component["Properties"]["EndpointName"] == {"Fn::GetAtt": [endpoint, "EndpointName"]}


def _component() -> dict[str, Any]:
    return endpoint_template("dev").only(COMPONENT)
