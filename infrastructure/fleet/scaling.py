"""Scaling of the fleet, by the same number as the endpoint's.

concurrent_requests of each instance --average--> tracked to 0.7 of what one runs at a time
503 of the balancer, which has nobody to ask ---> one step up, from none
"""

from __future__ import annotations

from aws_cdk import aws_autoscaling as autoscaling
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from infrastructure.fleet.names import GROUP_DIMENSION, IN_FLIGHT, NAMESPACE
from infrastructure.models.capacity import Capacity

PERIOD_S = 60
WARMUP_S = 600
"""Seconds that a new instance does not count as help: it fetches image and model, and loads."""

Policy = autoscaling.CfnScalingPolicy
Dimension = cloudwatch.CfnAlarm.DimensionProperty


class FleetScaling(Construct):
    """Both policies; the second one where there may be no instance at all (`from_zero`).

    `balancer` is what CloudWatch's dimension says, the last part of the balancer's ARN.

    Attributes:
        alarm: rings where a request found no instance; None where there is always one.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        group: str,
        capacity: Capacity,
        balancer: str,
        from_zero: bool,
    ) -> None:
        super().__init__(scope, id)
        self.alarm: cloudwatch.CfnAlarm | None = None
        self._track(group, capacity.target)
        if from_zero:
            self.alarm = self._wake(group, balancer)

    def _track(self, group: str, target: int) -> None:
        metric = Policy.CustomizedMetricSpecificationProperty(
            namespace=NAMESPACE,
            metric_name=IN_FLIGHT,
            dimensions=[Policy.MetricDimensionProperty(name=GROUP_DIMENSION, value=group)],
            statistic="Average",
            unit="Count",
            period=PERIOD_S,
        )
        Policy(
            self,
            "Tracking",
            auto_scaling_group_name=group,
            policy_type="TargetTrackingScaling",
            estimated_instance_warmup=WARMUP_S,
            target_tracking_configuration=Policy.TargetTrackingConfigurationProperty(
                target_value=target, customized_metric_specification=metric
            ),
        )

    def _wake(self, group: str, balancer: str) -> cloudwatch.CfnAlarm:
        step = Policy.StepAdjustmentProperty(metric_interval_lower_bound=0, scaling_adjustment=1)
        policy = Policy(
            self,
            "Step",
            auto_scaling_group_name=group,
            policy_type="StepScaling",
            adjustment_type="ChangeInCapacity",
            metric_aggregation_type="Maximum",
            estimated_instance_warmup=WARMUP_S,
            step_adjustments=[step],
        )
        return cloudwatch.CfnAlarm(
            self,
            "NobodyThere",
            alarm_description="A request found no instance of the fleet; one is started",
            namespace="AWS/ApplicationELB",
            metric_name="HTTPCode_ELB_503_Count",
            dimensions=[Dimension(name="LoadBalancer", value=balancer)],
            statistic="Sum",
            period=60,
            evaluation_periods=1,
            threshold=1,
            comparison_operator="GreaterThanOrEqualToThreshold",
            treat_missing_data="notBreaching",  # nobody asked: nobody is waiting
            alarm_actions=[policy.ref],
        )
