"""Scaling by what really fills a copy: requests inside it, not requests a minute.

requests in flight a copy, every 10 s --> tracked to the plan's number --> instances, or copies
a request that found no copy at all ----> one step up, from zero        (components alone)
"""

from __future__ import annotations

from typing import Literal

from aws_cdk import aws_applicationautoscaling as appscaling
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from infrastructure.models.capacity import Capacity
from infrastructure.models.observability import NO_CAPACITY, SAGEMAKER
from pipelines.endpoint.scaling import IN_S, OUT_S

VARIANT_METRIC = "SageMakerVariantConcurrentRequestsPerModelHighResolution"
COPY_METRIC = "SageMakerInferenceComponentConcurrentRequestsPerCopyHighResolution"
VARIANT_DIMENSION = "sagemaker:variant:DesiredInstanceCount"
COPY_DIMENSION = "sagemaker:inference-component:DesiredCopyCount"
WAKE_S = 60

Policy = appscaling.CfnScalingPolicy


class Scaling(Construct):
    """Target tracking of an endpoint's variant, or of a component's copies.

    A new one is wanted at once, so scaling out waits for `OUT_S` only; one that goes takes its warm
    conversations with it, so scaling in waits for `IN_S`. The resource is named as Application Auto
    Scaling wants it: `endpoint/NAME/variant/NAME` or `inference-component/NAME`.

    Attributes:
        target: what is scaled, between which bounds.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        of: Literal["variant", "copies"],
        resource: str,
        low: int,
        high: int,
        capacity: Capacity,
    ) -> None:
        super().__init__(scope, id)
        self.target = appscaling.CfnScalableTarget(
            self,
            "Target",
            service_namespace="sagemaker",
            scalable_dimension=VARIANT_DIMENSION if of == "variant" else COPY_DIMENSION,
            resource_id=resource,
            min_capacity=low,
            max_capacity=high,
        )
        Policy(
            self,
            "Tracking",
            policy_name="concurrent-requests",
            policy_type="TargetTrackingScaling",
            scaling_target_id=self.target.ref,
            target_tracking_scaling_policy_configuration=_tracking(
                VARIANT_METRIC if of == "variant" else COPY_METRIC, capacity.target
            ),
        )


class WakeFromZero(Construct):
    """The first request while there is no copy fails; it makes the first copy come.

    Target tracking cannot: without a copy there is no number to track. Until the copy answers,
    which takes minutes, calls go on failing, and the orchestrator says so or uses the fleet.

    Attributes:
        alarm: rings for a request that found no capacity.
    """

    def __init__(
        self, scope: Construct, id: str, *, target: appscaling.CfnScalableTarget, component: str
    ) -> None:
        super().__init__(scope, id)
        policy = Policy(
            self,
            "Step",
            policy_name="wake-from-zero",
            policy_type="StepScaling",
            scaling_target_id=target.ref,
            step_scaling_policy_configuration=_one_more(),
        )
        self.alarm = cloudwatch.CfnAlarm(
            self,
            "Alarm",
            alarm_description="A request found no copy of the model; one is started",
            namespace=SAGEMAKER,
            metric_name=NO_CAPACITY,
            dimensions=[
                cloudwatch.CfnAlarm.DimensionProperty(
                    name="InferenceComponentName", value=component
                )
            ],
            statistic="Maximum",
            period=30,
            evaluation_periods=1,
            datapoints_to_alarm=1,
            threshold=1,
            comparison_operator="GreaterThanOrEqualToThreshold",
            treat_missing_data="notBreaching",  # nobody asked: nobody is waiting
            alarm_actions=[policy.ref],
        )


def _tracking(metric: str, target: int) -> Policy.TargetTrackingScalingPolicyConfigurationProperty:
    return Policy.TargetTrackingScalingPolicyConfigurationProperty(
        target_value=target,
        predefined_metric_specification=Policy.PredefinedMetricSpecificationProperty(
            predefined_metric_type=metric
        ),
        scale_out_cooldown=OUT_S,
        scale_in_cooldown=IN_S,
    )


def _one_more() -> Policy.StepScalingPolicyConfigurationProperty:
    return Policy.StepScalingPolicyConfigurationProperty(
        adjustment_type="ChangeInCapacity",
        metric_aggregation_type="Maximum",
        cooldown=WAKE_S,
        step_adjustments=[
            Policy.StepAdjustmentProperty(metric_interval_lower_bound=0, scaling_adjustment=1)
        ],
    )
