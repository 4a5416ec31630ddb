"""The private addresses of the API's endpoint, which a target group needs and no template knows."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from constructs import Construct

from infrastructure.network.lookups import Ec2Lookup

HTTPS = 443
# A request without the API's Host header is refused by API Gateway: an endpoint that answers so
# is alive. Only what answers for the API itself would have another status.
ALIVE = "200,403"


class EndpointTargets(Construct):
    """A target group of an interface endpoint: one address in each zone.

    The interfaces are looked up when the stack is deployed, and again when the endpoint is another
    one.

    Attributes:
        group: for HTTPS.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        vpc: ec2.IVpc,
        endpoint: ec2.InterfaceVpcEndpoint,
        zones: int,
    ) -> None:
        super().__init__(scope, id)
        self.group = elbv2.CfnTargetGroup(
            self,
            "Group",
            vpc_id=vpc.vpc_id,
            target_type="ip",
            protocol="HTTPS",
            port=HTTPS,
            targets=[
                elbv2.CfnTargetGroup.TargetDescriptionProperty(id=address, port=HTTPS)
                for address in self._addresses(endpoint, zones)
            ],
            health_check_enabled=True,
            health_check_protocol="HTTPS",
            health_check_path="/",
            health_check_interval_seconds=15,
            healthy_threshold_count=2,
            unhealthy_threshold_count=2,
            matcher=elbv2.CfnTargetGroup.MatcherProperty(http_code=ALIVE),
        )

    def _addresses(self, endpoint: ec2.InterfaceVpcEndpoint, zones: int) -> list[str]:
        paths = [f"NetworkInterfaces.{n}.PrivateIpAddress" for n in range(zones)]
        interfaces = [
            cdk.Fn.select(n, endpoint.vpc_endpoint_network_interface_ids) for n in range(zones)
        ]
        lookup = Ec2Lookup(
            self,
            "Addresses",
            action="describeNetworkInterfaces",
            parameters={"NetworkInterfaceIds": interfaces},
            paths=paths,
        )
        return [lookup.value(path) for path in paths]
