"""Statements that endpoint and fleet share: one repository to pull from, one prefix to read."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_iam as iam

from infrastructure.settings import Stage


def allow(
    sid: str, actions: list[str], *resources: str, when: dict[str, dict[str, str]] | None = None
) -> iam.PolicyStatement:
    """One statement; its Sid says what it is for."""
    return iam.PolicyStatement(
        sid=sid, actions=actions, resources=list(resources), conditions=when or {}
    )


def arn(stage: Stage, service: str, rest: str) -> str:
    """In the stage's account and region."""
    return f"arn:{cdk.Aws.PARTITION}:{service}:{stage.region}:{stage.account}:{rest}"


def endpoint_name(stage: Stage) -> str:
    """The endpoint's: a name that the settings give, or the stage's own."""
    return stage.model.endpoint_name or f"{stage.prefix}-{stage.name}"


def pull_image(repository_arn: str) -> list[iam.PolicyStatement]:
    """Start containers of the images of one repository."""
    layers = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    return [
        allow("EnterRegistry", ["ecr:GetAuthorizationToken"], "*"),  # is of the whole registry
        allow("PullImage", layers, repository_arn),
    ]


def repository_of(image: str) -> str:
    """The ARN of an image's repository: ACCOUNT.dkr.ecr.REGION.amazonaws.com/NAME[:TAG|@DIGEST]."""
    host, _, path = image.partition("/")
    account, _, _, region = host.split(".")[:4]
    name = path.partition("@")[0].partition(":")[0]
    return f"arn:{cdk.Aws.PARTITION}:ecr:{region}:{account}:repository/{name}"


def read_objects(url: str) -> list[iam.PolicyStatement]:
    """Read what lies below s3://BUCKET/PREFIX, and list no more of the bucket than that."""
    bucket, _, prefix = url.removeprefix("s3://").partition("/")
    below = f"{prefix.rstrip('/')}/*" if prefix else "*"
    where = f"arn:{cdk.Aws.PARTITION}:s3:::{bucket}"
    return [
        allow("ReadWeights", ["s3:GetObject"], f"{where}/{below}"),
        allow("ListWeights", ["s3:ListBucket"], where, when={"StringLike": {"s3:prefix": below}}),
    ]


def measure(namespace: str) -> iam.PolicyStatement:
    """Write metrics; they have no resource, so the namespace limits it."""
    return allow(
        "Measure",
        ["cloudwatch:PutMetricData"],
        "*",
        when={"StringLike": {"cloudwatch:namespace": namespace}},
    )
