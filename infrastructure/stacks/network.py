"""The VPC, its security groups and its endpoints: what all other stacks stand in."""

from __future__ import annotations

from aws_cdk import aws_kms as kms
from constructs import Construct

from infrastructure.network.endpoints import Endpoints
from infrastructure.network.security import SecurityGroups
from infrastructure.network.vpc import Network
from infrastructure.settings import Stage
from infrastructure.stacks.base import StageStack


class NetworkStack(StageStack):
    """Who may talk to whom.

    Attributes:
        vpc: private subnets.
        security: every group and rule.
        endpoints: the ways to AWS's own services.
    """

    def __init__(self, scope: Construct, *, stage: Stage, key: kms.IKey) -> None:
        super().__init__(scope, "network", stage=stage, about="VPC, rules, endpoints")
        self.vpc = Network(self, "Network", stage=stage, key=key).vpc
        self.security = SecurityGroups(self, "Security", stage=stage, vpc=self.vpc)
        self.endpoints = Endpoints(
            self, "Endpoints", stage=stage, vpc=self.vpc, security=self.security
        )
