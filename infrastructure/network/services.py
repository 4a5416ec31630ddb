"""Which of AWS's services the parts inside the VPC call, and what they may ask of each.

Only what something inside calls has an endpoint: each interface is paid by the hour and by the
zone. Lambda itself sends logs, traces and dead letters outside the VPC, so that the function needs
none of those; the fleet's instances do. Nothing inside calls STS.
"""

from __future__ import annotations

from dataclasses import dataclass

from infrastructure.settings import Stage


@dataclass(frozen=True)
class Service:
    """An AWS service as the VPC sees it.

    Attributes:
        name: in the endpoint's service name.
        actions: all that the endpoint lets through, for principals of this account.
        own_resources: whether what is acted on must be this account's, too; off where the
            resources are AWS's own or the actions know none.
    """

    name: str
    actions: tuple[str, ...]
    own_resources: bool = True


FUNCTION_SERVICES = (
    Service("kinesis-streams", ("kinesis:PutRecords",)),
    Service(
        "sagemaker.runtime",
        ("sagemaker:InvokeEndpoint", "sagemaker:InvokeEndpointWithResponseStream"),
    ),
)
FLEET_SERVICES = (
    Service(
        "ecr.api",
        (
            "ecr:BatchCheckLayerAvailability",
            "ecr:BatchGetImage",
            "ecr:GetAuthorizationToken",
            "ecr:GetDownloadUrlForLayer",
        ),
        own_resources=False,
    ),
    Service(
        "ecr.dkr",
        ("ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"),
        own_resources=False,
    ),
    Service("logs", ("logs:CreateLogStream", "logs:PutLogEvents")),
    Service("monitoring", ("cloudwatch:PutMetricData",), own_resources=False),
    Service(
        "autoscaling",
        ("autoscaling:CompleteLifecycleAction", "autoscaling:SetInstanceHealth"),
        own_resources=False,
    ),
    Service("ssm", ("ssm:UpdateInstanceInformation",), own_resources=False),
    Service(
        "ssmmessages",
        (
            "ssmmessages:CreateControlChannel",
            "ssmmessages:CreateDataChannel",
            "ssmmessages:OpenControlChannel",
            "ssmmessages:OpenDataChannel",
        ),
        own_resources=False,
    ),
)
S3_ACTIONS = ("s3:DeleteObject", "s3:GetObject", "s3:ListBucket", "s3:PutObject")
DYNAMODB_ACTIONS = (
    "dynamodb:BatchGetItem",
    "dynamodb:BatchWriteItem",
    "dynamodb:DeleteItem",
    "dynamodb:GetItem",
    "dynamodb:PutItem",
    "dynamodb:Query",
    "dynamodb:UpdateItem",
)


def services(stage: Stage) -> tuple[Service, ...]:
    """Those with an interface endpoint in this stage, execute-api apart."""
    return FUNCTION_SERVICES + (FLEET_SERVICES if stage.fleet.enabled else ())
