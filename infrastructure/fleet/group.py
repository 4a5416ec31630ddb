"""The fleet as everybody else sees it: an address, and a number of instances behind it."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_autoscaling as autoscaling
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_kms as kms
from constructs import Construct

from infrastructure.errors import SynthesisError
from infrastructure.fleet.balancer import FleetBalancer
from infrastructure.fleet.drain import hold_until_drained
from infrastructure.fleet.launch import Launch
from infrastructure.fleet.names import fleet_names
from infrastructure.fleet.scaling import WARMUP_S, FleetScaling
from infrastructure.log_groups import log_group
from infrastructure.models.capacity import fleet_capacity
from infrastructure.network.security import SecurityGroups
from infrastructure.network.vpc import PRIVATE_SUBNETS
from infrastructure.settings import Stage


class FleetService(Construct):
    """Instances of several types, some of them spot, behind a balancer.

    Attributes:
        url: what the orchestrator calls.
        group: the auto scaling group.
        group_name: its name.
        balancer_name: the balancer, as CloudWatch's dimension names it.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        stage: Stage,
        vpc: ec2.IVpc,
        security: SecurityGroups,
        key: kms.IKey,
    ) -> None:
        super().__init__(scope, id)
        if security.fleet is None or security.fleet_balancer is None:
            raise SynthesisError("the fleet needs its security groups: set fleet.enabled")
        names = fleet_names(stage)
        self.group_name = names.group
        log_group(self, "ContainerLogs", stage=stage, key=key, name=names.logs)
        launch = Launch(self, "Launch", stage=stage, group=security.fleet)
        self.group = _group(self, stage, vpc, launch.template)
        hold_until_drained(self.group, names)
        balancer = FleetBalancer(
            self,
            "Balancer",
            stage=stage,
            vpc=vpc,
            group=security.fleet_balancer,
            instances=self.group,
        )
        self.url = f"https://{balancer.host}"
        self.balancer_name = balancer.load_balancer.load_balancer_full_name
        FleetScaling(
            self,
            "Scaling",
            group=self.group.auto_scaling_group_name,
            capacity=fleet_capacity(stage),
            balancer=self.balancer_name,
            from_zero=stage.fleet.min_instances == 0,
        )


def _group(
    scope: Construct, stage: Stage, vpc: ec2.IVpc, template: ec2.LaunchTemplate
) -> autoscaling.AutoScalingGroup:
    fleet = stage.fleet
    loading = cdk.Duration.seconds(stage.model.startup_seconds)
    elb = autoscaling.AdditionalHealthCheckType.ELB
    return autoscaling.AutoScalingGroup(
        scope,
        "Group",
        auto_scaling_group_name=fleet_names(stage).group,
        vpc=vpc,
        vpc_subnets=PRIVATE_SUBNETS,
        min_capacity=fleet.min_instances,
        max_capacity=fleet.max_instances,
        mixed_instances_policy=_mixed(stage, template),
        capacity_rebalance=True,
        # A large model may load for as long as on SageMaker before /ping says 200.
        health_checks=autoscaling.HealthChecks.with_additional_checks(
            additional_types=[elb], grace_period=loading
        ),
        default_instance_warmup=cdk.Duration.seconds(WARMUP_S),
        group_metrics=[autoscaling.GroupMetrics.all()],
        # A new image or model comes one instance after another, each with its time to load.
        update_policy=autoscaling.UpdatePolicy.rolling_update(
            max_batch_size=1, pause_time=loading, wait_on_resource_signals=False
        ),
    )


def _mixed(stage: Stage, template: ec2.LaunchTemplate) -> autoscaling.MixedInstancesPolicy:
    """Spot capacity from where it is deepest first, of those the cheapest."""
    fleet = stage.fleet
    return autoscaling.MixedInstancesPolicy(
        launch_template=template,
        launch_template_overrides=[
            autoscaling.LaunchTemplateOverrides(instance_type=ec2.InstanceType(one))
            for one in fleet.instance_types
        ],
        instances_distribution=autoscaling.InstancesDistribution(
            on_demand_base_capacity=fleet.on_demand_base,
            on_demand_percentage_above_base_capacity=100 - fleet.spot_percent,
            on_demand_allocation_strategy=autoscaling.OnDemandAllocationStrategy.PRIORITIZED,
            spot_allocation_strategy=autoscaling.SpotAllocationStrategy.PRICE_CAPACITY_OPTIMIZED,
        ),
    )
