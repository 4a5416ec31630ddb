"""Roles of the endpoint: its containers', and of the functions that update it."""

from __future__ import annotations

from pipelines.names import Names
from pipelines.policies.documents import (
    ALL,
    Arns,
    Document,
    Statement,
    allow,
    document,
    list_versions,
    pass_role,
    pull_image,
    read_weights,
    write_logs,
)

SCALING = "application-autoscaling"


def execution(
    names: Names, account: str, region: str, bucket: str, partition: str = "aws"
) -> Document:
    """What SageMaker does for the containers: fetch image and weights, log, measure, watch."""
    arns = Arns(names, account, region, bucket, partition)
    return document(
        *pull_image(arns),
        *read_weights(arns),
        *write_logs(arns, f"Endpoints/{names.prefix}*"),
        allow(
            "Measure",
            ["cloudwatch:PutMetricData"],
            ALL,  # metrics have no resource: the namespace limits it
            when={"StringLike": {"cloudwatch:namespace": "/aws/sagemaker/*"}},
        ),
        allow("WatchAlarms", ["cloudwatch:DescribeAlarms"], _alarms(arns)),
    )


def production(
    names: Names, account: str, region: str, bucket: str, partition: str = "aws"
) -> Document:
    """What deploying, following an update to its end, and going back take."""
    arns = Arns(names, account, region, bucket, partition)
    return document(
        *_registry(arns),
        *_endpoint(arns),
        pass_role(arns, "execution"),
        allow("Alarms", ["cloudwatch:PutMetricAlarm", "cloudwatch:DeleteAlarms"], _alarms(arns)),
        allow("LookAtAlarms", ["cloudwatch:DescribeAlarms"], arns.of("cloudwatch", "alarm:*")),
        *_scaling(arns),
        allow("KnowAccount", ["sts:GetCallerIdentity"], ALL),  # has no resource
    )


def _registry(arns: Arns) -> list[Statement]:
    group = arns.names.package_group
    package = arns.sagemaker("model-package", f"{group}/*")
    decide = ["sagemaker:DescribeModelPackage", "sagemaker:UpdateModelPackage"]
    return [
        list_versions(),
        allow("DecideVersions", decide, package),
        allow("ReadPlans", ["s3:GetObject"], arns.objects("versions/*")),
    ]


def _endpoint(arns: Arns) -> list[Statement]:
    ours = f"{arns.names.prefix}-v*"
    endpoint = arns.sagemaker("endpoint", arns.names.endpoint)
    group = arns.sagemaker("model-package-group", arns.names.package_group)
    model, config = arns.sagemaker("model", ours), arns.sagemaker("endpoint-config", ours)
    models = ["CreateModel", "DescribeModel", "DeleteModel"]
    configs = ["CreateEndpointConfig", "DescribeEndpointConfig", "DeleteEndpointConfig"]
    endpoints = ["CreateEndpoint", "DescribeEndpoint", "UpdateEndpoint", "DeleteEndpoint"]
    return [
        allow("Models", _sagemaker(models), model),
        allow("Configs", _sagemaker(configs), config),
        allow("Endpoint", _sagemaker(endpoints), endpoint, config),
        allow("Tags", _sagemaker(["AddTags", "DeleteTags", "ListTags"]), endpoint, config, model),
        allow("KnowWhetherItIsOff", ["sagemaker:ListTags"], group),
        # lists have no resource
        allow("FindOldOnes", _sagemaker(["ListModels", "ListEndpointConfigs"]), ALL),
    ]


def _scaling(arns: Arns) -> list[Statement]:
    """Scalable targets have ARNs that nobody knows before: the conditions limit the actions."""
    targets = arns.of(SCALING, "scalable-target/*")
    change = ["RegisterScalableTarget", "DeregisterScalableTarget", "PutScalingPolicy"]
    look = ["DescribeScalableTargets", "DescribeScalingPolicies"]
    ours = {
        f"{SCALING}:service-namespace": "sagemaker",
        f"{SCALING}:scalable-dimension": "sagemaker:variant:DesiredInstanceCount",
    }
    linked = (
        f"arn:{arns.partition}:iam::{arns.account}:role/aws-service-role/"
        "sagemaker.application-autoscaling.amazonaws.com/"
        "AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"
    )
    tracking = arns.of(
        "cloudwatch", f"alarm:TargetTracking-endpoint/{arns.names.endpoint}/variant/*"
    )
    return [
        allow(
            "Scale", [f"{SCALING}:{one}" for one in change], targets, when={"StringEquals": ours}
        ),
        allow("LookAtScaling", [f"{SCALING}:{one}" for one in look], ALL),  # have no resource
        allow("ScalingRole", ["iam:CreateServiceLinkedRole"], linked),
        allow("ScalingAlarms", ["cloudwatch:PutMetricAlarm", "cloudwatch:DeleteAlarms"], tracking),
    ]


def _alarms(arns: Arns) -> str:
    return arns.of("cloudwatch", f"alarm:{arns.names.prefix}-*")


def _sagemaker(operations: list[str]) -> list[str]:
    return [f"sagemaker:{one}" for one in operations]
