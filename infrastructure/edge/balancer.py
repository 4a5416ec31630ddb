"""The internal load balancer between CloudFront's VPC origin and the API's endpoint.

It exists because a private REST API is found by its Host header, and CloudFront's is the viewer's:

    Host: chat.example.com  --[this host, below /live/v1/: rewrite]-->  Host: <api>.execute-api...
    anything else           --> 404

An Application Load Balancer streams what its targets send; only with a Lambda as its target would
it collect the answer first.
"""

from __future__ import annotations

import re

import aws_cdk as cdk
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from constructs import Construct

from infrastructure.edge.api import ChatApi
from infrastructure.edge.balancer_targets import HTTPS, EndpointTargets
from infrastructure.edge.logs import BALANCER_PREFIX, AccessLogs
from infrastructure.network.security import SecurityGroups
from infrastructure.network.vpc import PRIVATE_SUBNETS
from infrastructure.settings import Stage

NOT_FOUND = (
    '{"error":{"code":"not_found","message":"there is no such path","param":null,'
    '"retry_after_ms":null,"request_id":""}}'
)

Rule = elbv2.CfnListenerRule


class Balancer(Construct):
    """The balancer, its one listener and its one rule.

    Attributes:
        load_balancer: internal, in the private subnets.
        listener: HTTPS.
        name: the balancer's name in DNS.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        stage: Stage,
        vpc: ec2.IVpc,
        security: SecurityGroups,
        endpoint: ec2.InterfaceVpcEndpoint,
        api: ChatApi,
        certificate: acm.ICertificate,
        logs: AccessLogs,
    ) -> None:
        super().__init__(scope, id)
        self.load_balancer = elbv2.ApplicationLoadBalancer(
            self,
            "Balancer",
            vpc=vpc,
            vpc_subnets=PRIVATE_SUBNETS,
            internet_facing=False,
            security_group=security.balancer,
            idle_timeout=cdk.Duration.seconds(stage.edge.idle_seconds),
            drop_invalid_header_fields=True,
            deletion_protection=stage.retains,
        )
        self.load_balancer.log_access_logs(logs.bucket, BALANCER_PREFIX)
        self.name = self.load_balancer.load_balancer_dns_name
        self.listener = self._listener(certificate)
        targets = EndpointTargets(
            self, "Targets", vpc=vpc, endpoint=endpoint, zones=stage.network.zones
        )
        self._forward(stage, api, targets)

    def _listener(self, certificate: acm.ICertificate) -> elbv2.ApplicationListener:
        return self.load_balancer.add_listener(
            "Https",
            port=HTTPS,
            protocol=elbv2.ApplicationProtocol.HTTPS,
            certificates=[certificate],
            ssl_policy=elbv2.SslPolicy.RECOMMENDED_TLS,
            open=False,  # the table of arrows alone opens ports
            default_action=elbv2.ListenerAction.fixed_response(
                404, content_type="application/json", message_body=NOT_FOUND
            ),
        )

    def _forward(self, stage: Stage, api: ChatApi, targets: EndpointTargets) -> None:
        """The rule, by hand: the library's own listener rules know no transforms."""
        Rule(
            self,
            "ToTheApi",
            listener_arn=self.listener.listener_arn,
            priority=1,
            conditions=[
                Rule.RuleConditionProperty(
                    field="host-header",
                    host_header_config=Rule.HostHeaderConfigProperty(values=[stage.edge.domain]),
                ),
                Rule.RuleConditionProperty(
                    field="path-pattern",
                    path_pattern_config=Rule.PathPatternConfigProperty(
                        values=[f"/{api.stage_name}/v1/*"]
                    ),
                ),
            ],
            transforms=[_host_rewrite(stage.edge.domain, api.host)],
            actions=[Rule.ActionProperty(type="forward", target_group_arn=targets.group.ref)],
        )


def _host_rewrite(domain: str, host: str) -> elbv2.CfnListenerRule.TransformProperty:
    return Rule.TransformProperty(
        type="host-header-rewrite",
        host_header_rewrite_config=Rule.RewriteConfigObjectProperty(
            rewrites=[
                Rule.RewriteConfigProperty(regex=f"^{re.escape(domain)}$", replace=host),
            ]
        ),
    )
