"""The fleet's internal load balancer: TLS ends here, from here to the instances it is HTTP.

    function --443, TLS--> balancer --8080, HTTP--> container        both inside the private subnets

The name in its certificate must resolve to it inside the VPC, so a private zone says so: `fleet.`
and the stage's domain, where certificates are made; the domain itself, where one is given for that.
"""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_autoscaling as autoscaling
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk import aws_route53 as route53
from aws_cdk import aws_route53_targets as targets
from constructs import Construct

from infrastructure.edge.certificates import hosted_zone
from infrastructure.edge.logs import BALANCER_PREFIX, AccessLogs
from infrastructure.fleet.drain import STREAM_S
from infrastructure.fleet.names import HEALTH_PATH, PORT
from infrastructure.network.vpc import PRIVATE_SUBNETS
from infrastructure.settings import Stage

HTTPS = 443
IDLE_S = 300
STICKY_S = 3600


class FleetBalancer(Construct):
    """Balancer, listener, target group and name.

    Attributes:
        load_balancer: internal.
        host: what the function calls; the certificate is for it.
        targets: the instances; a conversation's first request goes to the one with the fewest.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        stage: Stage,
        vpc: ec2.IVpc,
        group: ec2.ISecurityGroup,
        instances: autoscaling.AutoScalingGroup,
    ) -> None:
        super().__init__(scope, id)
        self.load_balancer = elbv2.ApplicationLoadBalancer(
            self,
            "Balancer",
            vpc=vpc,
            vpc_subnets=PRIVATE_SUBNETS,
            internet_facing=False,
            security_group=group,
            idle_timeout=cdk.Duration.seconds(IDLE_S),
            drop_invalid_header_fields=True,
            deletion_protection=stage.retains,
        )
        self.load_balancer.log_access_logs(
            AccessLogs(self, "Logs", stage=stage).bucket, BALANCER_PREFIX
        )
        self.host = host_of(stage)
        self.targets = self._targets(vpc, instances)
        self._listener(stage)
        self._name(vpc)

    def _targets(
        self, vpc: ec2.IVpc, instances: autoscaling.AutoScalingGroup
    ) -> elbv2.ApplicationTargetGroup:
        """It cannot hash our routing header, but the function brings its cookie back (ADR 0055)."""
        return elbv2.ApplicationTargetGroup(
            self,
            "Targets",
            vpc=vpc,
            port=PORT,
            protocol=elbv2.ApplicationProtocol.HTTP,
            target_type=elbv2.TargetType.INSTANCE,
            targets=[instances],
            load_balancing_algorithm_type=(
                elbv2.TargetGroupLoadBalancingAlgorithmType.LEAST_OUTSTANDING_REQUESTS
            ),
            stickiness_cookie_duration=cdk.Duration.seconds(STICKY_S),
            deregistration_delay=cdk.Duration.seconds(STREAM_S),
            health_check=elbv2.HealthCheck(
                path=HEALTH_PATH,
                healthy_http_codes="200",
                interval=cdk.Duration.seconds(10),
                timeout=cdk.Duration.seconds(5),
                healthy_threshold_count=2,
                unhealthy_threshold_count=3,
            ),
        )

    def _listener(self, stage: Stage) -> None:
        self.load_balancer.add_listener(
            "Https",
            port=HTTPS,
            protocol=elbv2.ApplicationProtocol.HTTPS,
            certificates=[self._certificate(stage)],
            ssl_policy=elbv2.SslPolicy.RECOMMENDED_TLS,
            open=False,  # the table of arrows alone opens ports
            default_target_groups=[self.targets],
        )

    def _certificate(self, stage: Stage) -> acm.ICertificate:
        if not _is_made(stage):
            return acm.Certificate.from_certificate_arn(
                self, "Given", stage.edge.balancer_certificate_arn
            )
        return acm.Certificate(
            self,
            "Certificate",
            domain_name=self.host,
            validation=acm.CertificateValidation.from_dns(hosted_zone(self, stage)),
        )

    def _name(self, vpc: ec2.IVpc) -> None:
        zone = route53.PrivateHostedZone(self, "PrivateZone", zone_name=self.host, vpc=vpc)
        route53.ARecord(
            self,
            "Name",
            zone=zone,
            target=route53.RecordTarget.from_alias(targets.LoadBalancerTarget(self.load_balancer)),
        )


def host_of(stage: Stage) -> str:
    """The name by which the fleet is called, that of its certificate."""
    return f"fleet.{stage.edge.domain}" if _is_made(stage) else stage.edge.domain


def _is_made(stage: Stage) -> bool:
    return not stage.edge.balancer_certificate_arn
