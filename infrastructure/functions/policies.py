"""What each function may do: the actions that its code calls, on the resources it calls them on.

The lists of actions are compared with the code by a test: one that nothing calls fails it, and so
does one that is called and missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infrastructure import contract
from infrastructure.settings import Stage

HISTORY_ACTIONS = (
    "dynamodb:BatchWriteItem",
    "dynamodb:DeleteItem",
    "dynamodb:GetItem",
    "dynamodb:PutItem",
    "dynamodb:Query",
    "dynamodb:UpdateItem",
)
MARKS_ACTIONS = ("dynamodb:BatchGetItem", "dynamodb:BatchWriteItem")
OBJECT_ACTIONS = ("s3:DeleteObject", "s3:GetObject", "s3:PutObject")
LIST_ACTIONS = ("s3:ListBucket",)
SEND_ACTIONS = ("kinesis:PutRecords",)
GENERATE_ACTIONS = (
    "sagemaker:InvokeEndpoint",
    "sagemaker:InvokeEndpointWithResponseStream",
)
SIGN_IN_ACTIONS = ("elasticache:Connect",)

READ_EVENTS = (
    "kinesis:DescribeStream",
    "kinesis:DescribeStreamSummary",
    "kinesis:GetRecords",
    "kinesis:GetShardIterator",
    "kinesis:ListShards",
)
READ_CHANGES = (
    "dynamodb:DescribeStream",
    "dynamodb:GetRecords",
    "dynamodb:GetShardIterator",
)
FIND_CHANGES = ("dynamodb:ListStreams",)
NETWORK_ACTIONS = (
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
)
KEY_ACTIONS = (
    "kms:Decrypt",
    "kms:DescribeKey",
    "kms:Encrypt",
    "kms:GenerateDataKey",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
)


def function_role(
    scope: Construct, id: str, *, stage: Stage, log_group: logs.ILogGroup, about: str
) -> iam.Role:
    """A role with what every function needs: its log and its place in the VPC."""
    role = iam.Role(
        scope, id, assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"), description=about
    )
    role.add_to_policy(
        _allow("Log", ("logs:CreateLogStream", "logs:PutLogEvents"), [log_group.log_group_arn])
    )
    # Lambda itself uses these, before there is a network interface that could be named.
    role.add_to_policy(_allow("NetworkOfLambda", NETWORK_ACTIONS, ["*"]))
    role.add_to_policy(_not_by_code(stage))
    return role


def history(table: dynamodb.ITable, index: str) -> iam.PolicyStatement:
    """Conversations, by key and by one of the indexes."""
    resources = [table.table_arn, f"{table.table_arn}/index/{index}"]
    return _allow("History", HISTORY_ACTIONS, resources)


def marks(table: dynamodb.ITable) -> iam.PolicyStatement:
    """Which events were counted."""
    return _allow("Marks", MARKS_ACTIONS, [table.table_arn])


def texts(bucket: s3.IBucket) -> tuple[iam.PolicyStatement, iam.PolicyStatement]:
    """Objects of conversations, and finding those that are to be deleted."""
    objects = _allow("Texts", OBJECT_ACTIONS, [bucket.arn_for_objects(f"{contract.OBJECTS}*")])
    found = iam.PolicyStatement(
        sid="TextsOfAConversation",
        actions=list(LIST_ACTIONS),
        resources=[bucket.bucket_arn],
        conditions={"StringLike": {"s3:prefix": f"{contract.OBJECTS}*"}},
    )
    return objects, found


def send_events(stream_arn: str) -> iam.PolicyStatement:
    """Telemetry."""
    return _allow("Telemetry", SEND_ACTIONS, [stream_arn])


def generate(arns: Sequence[str]) -> iam.PolicyStatement:
    """The one endpoint, and the inference component on it where there is one."""
    return _allow("Generate", GENERATE_ACTIONS, arns)


def sign_in(arns: Sequence[str]) -> iam.PolicyStatement:
    """The session store, as the one user."""
    return _allow("Sessions", SIGN_IN_ACTIONS, arns)


def read_events(stream_arn: str) -> iam.PolicyStatement:
    """What Lambda polls Kinesis with, as the consumer."""
    return _allow("ReadEvents", READ_EVENTS, [stream_arn])


def read_changes(stream_arn: str) -> tuple[iam.PolicyStatement, iam.PolicyStatement]:
    """What Lambda polls the table's stream with, as the sweeper."""
    read = _allow("ReadChanges", READ_CHANGES, [stream_arn])
    # Lambda asks for it before it makes the mapping; the action knows no resource.
    return read, _allow("FindChanges", FIND_CHANGES, ["*"])


def dead_letters(queue_arn: str) -> iam.PolicyStatement:
    """Where Lambda puts what failed, as the function."""
    return _allow("DeadLetters", ("sqs:SendMessage",), [queue_arn])


def key_for(stage: Stage, key: kms.IKey, services: Iterable[str]) -> iam.PolicyStatement:
    """The customer's key, as far as those services use it for the caller."""
    return iam.PolicyStatement(
        sid="KeyThroughServices",
        actions=list(KEY_ACTIONS),
        resources=[key.key_arn],
        conditions={
            "StringEquals": {
                "kms:ViaService": [f"{name}.{stage.region}.amazonaws.com" for name in services]
            }
        },
    )


def environment_key(stage: Stage, key: kms.IKey) -> iam.PolicyStatement:
    """The customer's key for the variables, which Lambda decrypts as the function."""
    return iam.PolicyStatement(
        sid="Environment",
        actions=["kms:Decrypt"],
        resources=[key.key_arn],
        conditions={"ArnLike": {"kms:EncryptionContext:aws:lambda:FunctionArn": _functions(stage)}},
    )


def _allow(sid: str, actions: Sequence[str], resources: Sequence[str]) -> iam.PolicyStatement:
    return iam.PolicyStatement(sid=sid, actions=list(actions), resources=list(resources))


def _not_by_code(stage: Stage) -> iam.PolicyStatement:
    """The function's own calls carry its ARN, Lambda's do not: the code may not touch networks."""
    return iam.PolicyStatement(
        sid="NoNetworkForCode",
        effect=iam.Effect.DENY,
        actions=list(NETWORK_ACTIONS),
        resources=["*"],
        conditions={"ArnLike": {"lambda:SourceFunctionArn": _functions(stage)}},
    )


def _functions(stage: Stage) -> str:
    """ARNs of all functions here: a function's own has its role in it, so none can be named."""
    return f"arn:{cdk.Aws.PARTITION}:lambda:{stage.region}:{stage.account}:function:*"
