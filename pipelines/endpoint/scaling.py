"""Autoscaling of the endpoint: off while an update runs, on again with the plan's own number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pipelines.aws import drop, told
from pipelines.endpoint.deployment import Deployment
from pipelines.errors import DeployError

SERVICE = "application-autoscaling"
DIMENSION = "sagemaker:variant:DesiredInstanceCount"
METRIC = "SageMakerVariantConcurrentRequestsPerModelHighResolution"
POLICY = "concurrent-requests"
OUT_S, IN_S = 60, 600
"""A new instance is wanted at once; one that goes takes its warm conversations with it."""


@dataclass(frozen=True)
class ScalingState:
    """How the endpoint scales.

    Attributes:
        low, high: instances at least and at most.
        target: concurrent requests an instance; None: no policy.
    """

    low: int
    high: int
    target: float | None


def ensure(deployment: Deployment, target: int) -> None:
    """Have the endpoint scale between the settings' bounds by the plan's target.

    Raises:
        DeployError: AWS refused.
    """
    settings = deployment.settings
    if settings.min_instances == settings.max_instances:
        return remove(deployment)
    wanted = ScalingState(settings.min_instances, settings.max_instances, float(target))
    if state(deployment) == wanted:
        return None
    with told("autoscaling", DeployError):
        _client(deployment).register_scalable_target(
            **_variant(deployment), MinCapacity=wanted.low, MaxCapacity=wanted.high
        )
        _client(deployment).put_scaling_policy(
            **_variant(deployment),
            PolicyName=POLICY,
            PolicyType="TargetTrackingScaling",
            TargetTrackingScalingPolicyConfiguration=_policy(target),
        )
    return None


def remove(deployment: Deployment) -> None:
    """Have it not scale; its policies go with it.

    Raises:
        DeployError: AWS refused.
    """
    if state(deployment) is not None:
        call = _client(deployment).deregister_scalable_target
        drop("autoscaling", DeployError, call, **_variant(deployment))


def state(deployment: Deployment) -> ScalingState | None:
    """How it scales; None: it does not.

    Raises:
        DeployError: AWS does not say.
    """
    variant = _variant(deployment)
    resource = variant.pop("ResourceId")
    with told("autoscaling", DeployError):
        targets = _client(deployment).describe_scalable_targets(ResourceIds=[resource], **variant)
        policies = _client(deployment).describe_scaling_policies(ResourceId=resource, **variant)
    if not targets["ScalableTargets"]:
        return None
    (found,) = targets["ScalableTargets"]
    tracking = [
        one["TargetTrackingScalingPolicyConfiguration"]["TargetValue"]
        for one in policies["ScalingPolicies"]
        if one["PolicyName"] == POLICY
    ]
    target = tracking[0] if tracking else None
    return ScalingState(found["MinCapacity"], found["MaxCapacity"], target)


def _policy(target: int) -> dict[str, Any]:
    return {
        "TargetValue": float(target),
        "PredefinedMetricSpecification": {"PredefinedMetricType": METRIC},
        "ScaleOutCooldown": OUT_S,
        "ScaleInCooldown": IN_S,
    }


def _variant(deployment: Deployment) -> dict[str, str]:
    names = deployment.names
    return {
        "ServiceNamespace": "sagemaker",
        "ResourceId": f"endpoint/{names.endpoint}/variant/{names.variant}",
        "ScalableDimension": DIMENSION,
    }


def _client(deployment: Deployment) -> Any:
    return deployment.clients.client(SERVICE)
