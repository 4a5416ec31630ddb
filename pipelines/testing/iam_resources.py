"""Which resource an operation is about, as the service authorization reference has it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pipelines.testing.control_plane.plane import ACCOUNT, REGION

Parameters = Mapping[str, Any]
Resources = Callable[[Parameters], list[str]]


@dataclass(frozen=True)
class Entry:
    """One operation.

    Attributes:
        action: that IAM knows it by.
        resources: ARNs out of its parameters.
    """

    action: str
    resources: Resources


def arn(service: str, rest: str) -> str:
    """An ARN in the fake's account."""
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{rest}"


def _nothing(parameters: Parameters) -> list[str]:
    return ["*"]


def _named(service: str, path: str, parameter: str) -> Resources:
    """An ARN of a path and the name in a parameter."""
    return lambda parameters: [arn(service, path + parameters[parameter].rpartition(":")[2])]


def _given(parameter: str) -> Resources:
    """The ARN that is itself a parameter."""
    return lambda parameters: [parameters[parameter]]


def _both(*all_of: Resources) -> Resources:
    return lambda parameters: [one for each in all_of for one in each(parameters)]


def _package(parameters: Parameters) -> list[str]:
    name = parameters.get("ModelPackageName") or parameters["ModelPackageArn"]
    return [name if name.startswith("arn:") else arn("sagemaker", f"model-package/{name}")]


def _object(parameters: Parameters) -> list[str]:
    return [f"arn:aws:s3:::{parameters['Bucket']}/{parameters['Key']}"]


def _bucket(parameters: Parameters) -> list[str]:
    return [f"arn:aws:s3:::{parameters['Bucket']}"]


def _alarms(parameters: Parameters) -> list[str]:
    names = parameters.get("AlarmNames") or [parameters.get("AlarmName", "*")]
    return [arn("cloudwatch", f"alarm:{name}") for name in names]


def _queue(parameters: Parameters) -> list[str]:
    name = parameters.get("QueueName") or parameters["QueueUrl"].rpartition("/")[2]
    return [arn("sqs", name)]


def _builds(parameters: Parameters) -> list[str]:
    ids = parameters.get("ids") or [parameters["id"]]
    return [arn("codebuild", f"project/{one.split(':')[-2].rpartition('/')[2]}") for one in ids]


def _waiting(parameters: Parameters) -> list[str]:
    """A callback's token says nothing of its execution."""
    return [arn("sagemaker", "pipeline/keepwarm/execution/any")]


_MODEL = _named("sagemaker", "model/", "ModelName")
_CONFIG = _named("sagemaker", "endpoint-config/", "EndpointConfigName")
_ENDPOINT = _named("sagemaker", "endpoint/", "EndpointName")
_GROUP = _named("sagemaker", "model-package-group/", "ModelPackageGroupName")
_IMAGE = _named("ecr", "repository/", "repositoryName")
_PROJECT = _named("codebuild", "project/", "projectName")


def _target(parameters: Parameters) -> list[str]:
    return [arn("application-autoscaling", "scalable-target/0abc")]


_KNOWN: dict[str, dict[str, Resources]] = {
    "sagemaker": {
        "CreateModel": _MODEL,
        "DescribeModel": _MODEL,
        "DeleteModel": _MODEL,
        "ListModels": _nothing,
        "CreateEndpointConfig": _CONFIG,
        "DescribeEndpointConfig": _CONFIG,
        "DeleteEndpointConfig": _CONFIG,
        "ListEndpointConfigs": _nothing,
        "CreateEndpoint": _both(_ENDPOINT, _CONFIG),
        "UpdateEndpoint": _both(_ENDPOINT, _CONFIG),
        "DescribeEndpoint": _ENDPOINT,
        "DeleteEndpoint": _ENDPOINT,
        "AddTags": _given("ResourceArn"),
        "DeleteTags": _given("ResourceArn"),
        "ListTags": _given("ResourceArn"),
        "CreateModelPackageGroup": _GROUP,
        "DescribeModelPackageGroup": _GROUP,
        "CreateModelPackage": _GROUP,
        "DescribeModelPackage": _package,
        "UpdateModelPackage": _package,
        "ListModelPackages": _nothing,
        "DescribePipelineExecution": _given("PipelineExecutionArn"),
        "SendPipelineExecutionStepSuccess": _waiting,
        "SendPipelineExecutionStepFailure": _waiting,
    },
    "application-autoscaling": {
        "RegisterScalableTarget": _target,
        "DeregisterScalableTarget": _target,
        "PutScalingPolicy": _target,
        "DescribeScalableTargets": _nothing,
        "DescribeScalingPolicies": _nothing,
    },
    "cloudwatch": {
        "PutMetricAlarm": _alarms,
        "DescribeAlarms": _alarms,
        "DeleteAlarms": _alarms,
    },
    "s3": {"GetObject": _object, "PutObject": _object},
    "sts": {"GetCallerIdentity": _nothing},
    "sqs": {"GetQueueUrl": _queue, "SendMessage": _queue},
    "ecr": {
        "DescribeImages": _IMAGE,
        "DescribeImageScanFindings": _IMAGE,
        "DescribeImageSigningStatus": _IMAGE,
        "StartImageScan": _IMAGE,
        "BatchDeleteImage": _IMAGE,
        "BatchGetImage": _IMAGE,
        "PutImage": _IMAGE,
        "InitiateLayerUpload": _IMAGE,
        "UploadLayerPart": _IMAGE,
        "CompleteLayerUpload": _IMAGE,
        "BatchCheckLayerAvailability": _IMAGE,
        "GetSigningConfiguration": _nothing,
        "GetAuthorizationToken": _nothing,
    },
    "codebuild": {
        "StartBuild": _PROJECT,
        "ListBuildsForProject": _PROJECT,
        "BatchGetBuilds": _builds,
        "StopBuild": _builds,
    },
}

RESOURCES = {
    (service, operation): Entry(f"{service}:{operation}", resources)
    for service, operations in _KNOWN.items()
    for operation, resources in operations.items()
}
"""By service and operation; an action has its operation's name in all of these services."""
