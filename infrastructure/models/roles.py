"""What SageMaker may do for the containers: fetch image and weights, log, measure."""

from __future__ import annotations

from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from infrastructure.models.grants import (
    allow,
    arn,
    endpoint_name,
    measure,
    pull_image,
    read_objects,
    repository_of,
)
from infrastructure.network.vpc import PRIVATE
from infrastructure.settings import Stage
from pipelines.names import Names

LOGS = ("Endpoints", "InferenceComponents")


class ExecutionRole(Construct):
    """The role of the endpoint's containers, which are cut off from the network and use none of it.

    Its policy is in the role itself: a model that came before it could not be made.

    Attributes:
        role: SageMaker takes it.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        stage: Stage,
        key: kms.IKey,
        vpc: ec2.IVpc,
        group: ec2.ISecurityGroup,
    ) -> None:
        super().__init__(scope, id)
        statements = [
            *_image_and_weights(stage),
            *_logs(stage),
            measure("/aws/sagemaker/*"),
            *_volume(key),
            *_interfaces(stage, vpc, group),
        ]
        self.role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("sagemaker.amazonaws.com"),
            inline_policies={"Execution": iam.PolicyDocument(statements=statements)},
        )


def _image_and_weights(stage: Stage) -> list[iam.PolicyStatement]:
    """Those of the settings; a package's are where the pipeline that registered it keeps them."""
    model = stage.model
    if not model.package_arn:
        return [*pull_image(repository_of(model.image_uri)), *read_objects(model.data_url)]
    names = Names(model.package_arn.split("/")[1])
    bucket = f"s3://{names.prefix}-{stage.account}-{stage.region}/"
    package = allow("ReadPackage", ["sagemaker:DescribeModelPackage"], model.package_arn)
    repository = arn(stage, "ecr", f"repository/{names.repository}")
    return [package, *pull_image(repository), *read_objects(bucket)]


def _logs(stage: Stage) -> list[iam.PolicyStatement]:
    own = f"{endpoint_name(stage)}*"
    groups = [arn(stage, "logs", f"log-group:/aws/sagemaker/{kind}/{own}") for kind in LOGS]
    return [
        allow(
            "LogGroups",
            ["logs:CreateLogGroup", "logs:DescribeLogStreams"],
            *(f"{one}:*" for one in groups),
        ),
        allow(
            "WriteLogs",
            ["logs:CreateLogStream", "logs:PutLogEvents"],
            *(f"{one}:log-stream:*" for one in groups),
        ),
    ]


def _volume(key: kms.IKey) -> list[iam.PolicyStatement]:
    """Encrypt the instances' disks."""
    return [
        allow("Key", ["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"], key.key_arn),
        allow(
            "KeyForDisks",
            ["kms:CreateGrant"],
            key.key_arn,
            when={"Bool": {"kms:GrantIsForAWSResource": "true"}},
        ),
    ]


def _interfaces(
    stage: Stage, vpc: ec2.IVpc, group: ec2.ISecurityGroup
) -> list[iam.PolicyStatement]:
    """Stand in the VPC's private subnets: what SageMaker asks of a role for that."""
    subnets = vpc.select_subnets(subnet_group_name=PRIVATE).subnet_ids
    places = [arn(stage, "ec2", f"subnet/{one}") for one in subnets]
    guard = arn(stage, "ec2", f"security-group/{group.security_group_id}")
    own = arn(stage, "ec2", "network-interface/*")
    hand = ["CreateNetworkInterfacePermission", "DeleteNetworkInterfacePermission"]
    look = ["DescribeDhcpOptions", "DescribeNetworkInterfaces", "DescribeSecurityGroups"]
    look += ["DescribeSubnets", "DescribeVpcs"]
    return [
        allow("MakeInterfaces", ["ec2:CreateNetworkInterface"], own, guard, *places),
        allow("HandInterfaces", [*_ec2(hand), "ec2:DeleteNetworkInterface"], own),
        allow("LookAtNetwork", _ec2(look), "*"),  # they know no resource
    ]


def _ec2(operations: list[str]) -> list[str]:
    return [f"ec2:{one}" for one in operations]
