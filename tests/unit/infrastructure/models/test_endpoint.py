"""Endpoints: one that exists is a name; one of ours is isolated, encrypted and observed."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
import pytest

from tests.support.capacity_boxes import OWN_IMAGE, endpoint_template, existing_endpoint
from tests.support.infrastructure import a_stage
from tests.support.shapes import check_request

MODEL = "AWS::SageMaker::Model"
CONFIG = "AWS::SageMaker::EndpointConfig"
ENDPOINT = "AWS::SageMaker::Endpoint"
NAMED = {"endpoint_name": "chat-7", "startup_seconds": 2400}
EXISTING = {"kind": "existing", "endpoint_name": "Chat-7", "package_arn": "", "concurrency": 0}


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_every_resource_is_a_request_that_sagemaker_knows(stage: str):
    template = endpoint_template(stage)
    check_request("sagemaker", "CreateModel", {"ModelName": "m", **template.only(MODEL)})
    config = {"EndpointConfigName": "c", **template.only(CONFIG)}
    check_request("sagemaker", "CreateEndpointConfig", config)
    endpoint = template.only(ENDPOINT)
    endpoint.pop("RetainAllVariantProperties", None)  # is of UpdateEndpoint
    check_request("sagemaker", "CreateEndpoint", endpoint)


def test_an_existing_endpoint_is_a_name_and_makes_nothing_at_all():
    endpoint = existing_endpoint(a_stage("prod", model=EXISTING))
    assert (endpoint.name, endpoint.component) == ("Chat-7", "")
    assert endpoint.arn.endswith(":sagemaker:us-east-1:111122223333:endpoint/chat-7")
    assert not any(cdk.CfnResource.is_cfn_resource(one) for one in endpoint.node.find_all())


def test_a_registered_package_brings_image_weights_and_environment():
    container = endpoint_template().only(MODEL)["PrimaryContainer"]
    assert list(container) == ["ModelPackageName"]


def test_an_image_gets_plain_objects_and_the_plans_limits():
    container = endpoint_template("prod", model=OWN_IMAGE).only(MODEL)["PrimaryContainer"]
    assert container["Image"] == OWN_IMAGE["image_uri"]
    assert container["ModelDataSource"]["S3DataSource"] == {
        "S3Uri": "s3://weights/models/1/",
        "S3DataType": "S3Prefix",
        "CompressionType": "None",
    }
    assert container["Environment"]["KEEPWARM_MAX_NUM_SEQS"] == "16"
    check_request(
        "sagemaker",
        "CreateModel",
        {"ModelName": "m", **endpoint_template("prod", model=OWN_IMAGE).only(MODEL)},
    )


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_the_containers_have_no_network_and_stand_in_the_vpc(stage: str):
    model = endpoint_template(stage).only(MODEL)
    assert model["EnableNetworkIsolation"] is True
    assert len(model["VpcConfig"]["Subnets"]) == 2
    assert len(model["VpcConfig"]["SecurityGroupIds"]) == 1


def test_copies_are_as_isolated_as_their_endpoint_says():
    config = endpoint_template("dev").only(CONFIG)
    assert config["EnableNetworkIsolation"] is True
    assert config["VpcConfig"] and config["ExecutionRoleArn"]


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_disks_are_encrypted_and_nothing_is_captured(stage: str):
    config = endpoint_template(stage).only(CONFIG)
    assert config["KmsKeyId"]
    assert "DataCaptureConfig" not in config


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_the_container_is_scraped_and_gpus_are_measured(stage: str):
    assert endpoint_template(stage).only(CONFIG)["MetricsConfig"] == {
        "EnableDetailedObservability": True,
        "EnableEnhancedMetrics": True,
        "MetricPublishFrequencyInSeconds": 60,
    }


def test_a_conversation_goes_where_its_prefix_is_warm():
    assert _variant()["RoutingConfig"] == {
        "RoutingStrategy": "PREFIX_AWARE",
        "PrefixAwareRoutingConfig": {"PrefixLength": 1024, "ConcurrencyThreshold": 16},
    }


def test_one_instance_has_nothing_to_route_by():
    variant = _variant(model={"min_instances": 1, "max_instances": 1})
    assert variant["RoutingConfig"] == {"RoutingStrategy": "LEAST_OUTSTANDING_REQUESTS"}


def test_the_driver_and_the_time_for_a_large_model_are_set():
    variant = _variant(model=NAMED)
    assert variant["InferenceAmiVersion"] == "al2023-ami-sagemaker-inference-gpu-4-1"
    assert variant["ModelDataDownloadTimeoutInSeconds"] == 2400
    assert variant["ContainerStartupHealthCheckTimeoutInSeconds"] == 2400


def test_an_update_keeps_the_number_of_instances():
    assert endpoint_template().only(ENDPOINT)["RetainAllVariantProperties"] is True


def test_the_endpoint_has_the_name_that_the_function_is_told():
    assert endpoint_template().only(ENDPOINT)["EndpointName"] == "keepwarm-prod"
    named = endpoint_template("prod", model=NAMED)
    assert named.only(ENDPOINT)["EndpointName"] == "chat-7"


def _variant(**changes: Any) -> dict[str, Any]:
    (variant,) = endpoint_template("prod", **changes).only(CONFIG)["ProductionVariants"]
    found: dict[str, Any] = variant
    return found
