"""CloudFront's way into the VPC: interfaces of its own in the private subnets, to one balancer."""

from __future__ import annotations

from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from infrastructure.edge.balancer import Balancer
from infrastructure.network.lookups import Ec2Lookup
from infrastructure.network.security import ORIGIN, SecurityGroups, arrows
from infrastructure.settings import Stage

SERVICE_GROUP = "CloudFront-VPCOrigins-Service-SG"

_GROUP_ID = "SecurityGroups.0.GroupId"


class VpcOrigin(Construct):
    """The origin, and the rule that lets it reach the balancer.

    CloudFront's interfaces carry a security group that it makes itself with a VPC's first origin.
    The rule names that group rather than CloudFront's list of addresses: what comes from an
    address may be anybody's distribution.

    Attributes:
        origin: for a distribution.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        stage: Stage,
        vpc: ec2.IVpc,
        security: SecurityGroups,
        balancer: Balancer,
    ) -> None:
        super().__init__(scope, id)
        self.origin = cloudfront.VpcOrigin(
            self,
            "Origin",
            endpoint=cloudfront.VpcOriginEndpoint.application_load_balancer(balancer.load_balancer),
            protocol_policy=cloudfront.OriginProtocolPolicy.HTTPS_ONLY,
            origin_ssl_protocols=[cloudfront.OriginSslPolicy.TLS_V1_2],
        )
        self.origin.node.add_dependency(balancer.listener)
        group = self._service_group(vpc)
        for arrow in arrows(stage):
            if arrow.source == ORIGIN:
                ec2.CfnSecurityGroupIngress(
                    self,
                    f"To-{arrow.target}-{arrow.port}",
                    group_id=security.balancer.security_group_id,
                    source_security_group_id=group,
                    ip_protocol="tcp",
                    from_port=arrow.port,
                    to_port=arrow.port,
                    description=arrow.why,
                )

    def _service_group(self, vpc: ec2.IVpc) -> str:
        lookup = Ec2Lookup(
            self,
            "ServiceGroup",
            action="describeSecurityGroups",
            parameters={
                "Filters": [
                    {"Name": "vpc-id", "Values": [vpc.vpc_id]},
                    {"Name": "group-name", "Values": [SERVICE_GROUP]},
                ]
            },
            paths=[_GROUP_ID],
        )
        lookup.node.add_dependency(self.origin)
        return lookup.value(_GROUP_ID)
