"""The VPC: two zones of private subnets, and no way out unless the settings ask for one.

CloudFront ==> VPC origin's interfaces --+
                                         |   subnets "private", one a zone
internet gateway, attached, no route     +-- balancer, endpoints, function, sessions, fleet
                                         |
subnets "public" + NAT: only where nat_gateways > 0
"""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from infrastructure.log_groups import log_group
from infrastructure.settings import Stage

PRIVATE = "private"
PUBLIC = "public"
PRIVATE_SUBNETS = ec2.SubnetSelection(subnet_group_name=PRIVATE)

_PRIVATE_MASK = 20
_PUBLIC_MASK = 26


class Network(Construct):
    """The VPC and its flow logs.

    Attributes:
        vpc: its subnets are picked with `PRIVATE_SUBNETS`, by name, as their type depends on
            whether there is a NAT.
    """

    def __init__(
        self, scope: Construct, id: str, *, stage: Stage, key: kms.IKey | None = None
    ) -> None:
        super().__init__(scope, id)
        network = stage.network
        self.vpc = ec2.Vpc(
            self,
            "Vpc",
            ip_addresses=ec2.IpAddresses.cidr(network.cidr),
            availability_zones=[cdk.Fn.select(n, cdk.Fn.get_azs()) for n in range(network.zones)],
            nat_gateways=network.nat_gateways,
            subnet_configuration=_subnets(network.nat_gateways),
            restrict_default_security_group=True,
        )
        if not network.nat_gateways:
            self._attach_gateway_without_routes()
        if network.flow_logs:
            self._log_flows(stage, key)

    def _attach_gateway_without_routes(self) -> None:
        """CloudFront makes VPC origins only where a gateway is attached; it never uses it.

        No route table points at it, so that nothing inside reaches the internet by it.
        """
        gateway = ec2.CfnInternetGateway(self, "UnroutedGateway")
        ec2.CfnVPCGatewayAttachment(
            self,
            "UnroutedGatewayAttachment",
            vpc_id=self.vpc.vpc_id,
            internet_gateway_id=gateway.ref,
        )

    def _log_flows(self, stage: Stage, key: kms.IKey | None) -> None:
        group = log_group(self, "FlowLogs", stage=stage, key=key)
        role = iam.Role(
            self, "FlowLogsRole", assumed_by=iam.ServicePrincipal("vpc-flow-logs.amazonaws.com")
        )
        self.vpc.add_flow_log(
            "Flows",
            destination=ec2.FlowLogDestination.to_cloud_watch_logs(group, role),
            traffic_type=ec2.FlowLogTrafficType.ALL,
        )


def zone_context(stage: Stage) -> dict[str, list[str]]:
    """Context that keeps the CDK command line from asking AWS which zones there are.

    The template asks that itself when it is deployed (`Fn::GetAZs`); the names here stand nowhere
    in it.
    """
    key = f"availability-zones:account={stage.account}:region={stage.region}"
    return {key: [f"{stage.region}{letter}" for letter in "abc"]}


def _subnets(nat_gateways: int) -> list[ec2.SubnetConfiguration]:
    if not nat_gateways:
        isolated = ec2.SubnetType.PRIVATE_ISOLATED
        return [
            ec2.SubnetConfiguration(name=PRIVATE, subnet_type=isolated, cidr_mask=_PRIVATE_MASK)
        ]
    return [
        ec2.SubnetConfiguration(
            name=PRIVATE,
            subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS,
            cidr_mask=_PRIVATE_MASK,
        ),
        ec2.SubnetConfiguration(
            name=PUBLIC,
            subnet_type=ec2.SubnetType.PUBLIC,
            cidr_mask=_PUBLIC_MASK,
            map_public_ip_on_launch=False,
        ),
    ]
