"""The ways from the VPC to AWS's own services: each is one endpoint with a policy of its own."""

from __future__ import annotations

from collections.abc import Iterable

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from constructs import Construct

from infrastructure.network.security import SecurityGroups
from infrastructure.network.services import DYNAMODB_ACTIONS, S3_ACTIONS, services
from infrastructure.network.vpc import PRIVATE_SUBNETS
from infrastructure.settings import Stage


class Endpoints(Construct):
    """All endpoints of the VPC.

    Attributes:
        execute_api: the only way to the REST API.
        all: the interface endpoints by their services' names, that one among them.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        stage: Stage,
        vpc: ec2.IVpc,
        security: SecurityGroups,
    ) -> None:
        super().__init__(scope, id)
        self._stage, self._vpc = stage, vpc
        self._add_gateways()
        self.execute_api = self._interface("execute-api", security.api_endpoint)
        self.execute_api.add_to_policy(_anybody_to_own_apis(stage))
        self.all: dict[str, ec2.InterfaceVpcEndpoint] = {"execute-api": self.execute_api}
        for service in services(stage):
            endpoint = self._interface(service.name, security.endpoints)
            endpoint.add_to_policy(
                own_account(stage, service.actions, own_resources=service.own_resources)
            )
            self.all[service.name] = endpoint

    def _interface(self, name: str, group: ec2.ISecurityGroup) -> ec2.InterfaceVpcEndpoint:
        return ec2.InterfaceVpcEndpoint(
            self,
            name,
            vpc=self._vpc,
            service=ec2.InterfaceVpcEndpointAwsService(name),
            subnets=PRIVATE_SUBNETS,
            security_groups=[group],
            private_dns_enabled=True,
            open=False,  # the table of arrows alone opens ports
        )

    def _add_gateways(self) -> None:
        self._gateway("s3", ec2.GatewayVpcEndpointAwsService.S3, self._s3_statements())
        self._gateway(
            "dynamodb",
            ec2.GatewayVpcEndpointAwsService.DYNAMODB,
            [own_account(self._stage, DYNAMODB_ACTIONS)],
        )

    def _gateway(
        self,
        name: str,
        service: ec2.GatewayVpcEndpointAwsService,
        statements: Iterable[iam.PolicyStatement],
    ) -> None:
        gateway = ec2.GatewayVpcEndpoint(
            self, name, vpc=self._vpc, service=service, subnets=[PRIVATE_SUBNETS]
        )
        for statement in statements:
            gateway.add_to_policy(statement)

    def _s3_statements(self) -> Iterable[iam.PolicyStatement]:
        yield own_account(self._stage, S3_ACTIONS)
        if self._stage.fleet.enabled:
            yield _image_layers(self._stage)


def own_account(
    stage: Stage, actions: Iterable[str], *, own_resources: bool = True
) -> iam.PolicyStatement:
    """What an endpoint lets through: these actions, by principals of this account alone."""
    conditions = {"aws:PrincipalAccount": stage.account}
    if own_resources:
        conditions["aws:ResourceAccount"] = stage.account
    return iam.PolicyStatement(
        principals=[iam.AnyPrincipal()],
        actions=list(actions),
        resources=["*"],  # of this account, by the conditions
        conditions={"StringEquals": conditions},
    )


def _anybody_to_own_apis(stage: Stage) -> iam.PolicyStatement:
    """Requests of the page are not signed: whoever they are by, they may go to our APIs alone."""
    return iam.PolicyStatement(
        principals=[iam.AnyPrincipal()],
        actions=["execute-api:Invoke"],
        resources=[f"arn:{cdk.Aws.PARTITION}:execute-api:{stage.region}:{stage.account}:*"],
    )


def _image_layers(stage: Stage) -> iam.PolicyStatement:
    """ECR hands out image layers by signed addresses in a bucket of its own."""
    bucket = f"prod-{stage.region}-starport-layer-bucket"
    return iam.PolicyStatement(
        principals=[iam.AnyPrincipal()],
        actions=["s3:GetObject"],
        resources=[f"arn:{cdk.Aws.PARTITION}:s3:::{bucket}/*"],
    )
