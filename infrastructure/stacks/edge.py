"""From the browser's address to the private API: page, CloudFront, VPC origin, balancer."""

from __future__ import annotations

from aws_cdk import aws_certificatemanager as acm
from constructs import Construct

from infrastructure.edge.api import ChatApi
from infrastructure.edge.balancer import Balancer
from infrastructure.edge.certificates import BalancerCertificate
from infrastructure.edge.distribution import Distribution
from infrastructure.edge.logs import AccessLogs
from infrastructure.edge.page import Page
from infrastructure.edge.sign_in import SignInPool
from infrastructure.edge.vpc_origin import VpcOrigin
from infrastructure.settings import Stage
from infrastructure.stacks.base import StageStack
from infrastructure.stacks.network import NetworkStack


class EdgeStack(StageStack):
    """What stands between the internet and the API.

    Attributes:
        distribution: CloudFront, the only public box.
        url: where the page is.
    """

    def __init__(
        self,
        scope: Construct,
        *,
        stage: Stage,
        network: NetworkStack,
        api: ChatApi,
        sign_in: SignInPool,
        firewall_arn: str,
        certificate: acm.ICertificate,
    ) -> None:
        super().__init__(scope, "edge", stage=stage, about="page, CloudFront, balancer")
        logs = AccessLogs(self, "Logs", stage=stage)
        balancer = Balancer(
            self,
            "Balancer",
            stage=stage,
            vpc=network.vpc,
            security=network.security,
            endpoint=network.endpoints.execute_api,
            api=api,
            certificate=BalancerCertificate(self, "Certificate", stage=stage).certificate,
            logs=logs,
        )
        vpc_origin = VpcOrigin(
            self,
            "VpcOrigin",
            stage=stage,
            vpc=network.vpc,
            security=network.security,
            balancer=balancer,
        )
        made = Distribution(
            self,
            "Distribution",
            stage=stage,
            page=Page(self, "Page", stage=stage, sign_in=sign_in, logs=logs),
            balancer=balancer,
            vpc_origin=vpc_origin,
            api=api,
            firewall_arn=firewall_arn,
            certificate=certificate,
            sign_in=sign_in,
            logs=logs,
        )
        self.distribution, self.url = made.distribution, made.url
