"""The roles: documents of `pipelines.policies`, and what the template's own wiring needs.

Who may do what is decided there; here are only the logs, queues and dead letters that exist because
of this template.
"""

from __future__ import annotations

from typing import Any

from pipelines.policies import POLICIES, TRUST
from pipelines.settings import DeploymentSettings
from pipelines.template.cloudformation import (
    ACCOUNT,
    BUCKET,
    PARTITION,
    REGION,
    Resource,
    Resources,
    attribute,
    document,
    filled,
    resource,
    statement,
    sub,
)

LAMBDA = "lambda.amazonaws.com"
BUILDER = "build-image"


def roles(settings: DeploymentSettings) -> Resources:
    """One role for each policy."""
    return {logical(part): _role(part, settings) for part in POLICIES}


def logical(part: str) -> str:
    """`build-image` as `BuildImageRole`."""
    return "".join(word.capitalize() for word in part.split("-")) + "Role"


def _role(part: str, settings: DeploymentSettings) -> Resource:
    policy = POLICIES[part](settings.names, ACCOUNT, REGION, BUCKET, PARTITION)
    policies = [{"PolicyName": part, "PolicyDocument": filled(policy)}]
    if LAMBDA in str(TRUST[part]):
        wiring = document(*_wiring(part, settings.names.function(part)))
        policies.append({"PolicyName": "wiring", "PolicyDocument": wiring})
    return resource(
        "AWS::IAM::Role",
        RoleName=settings.names.role(part),
        AssumeRolePolicyDocument=filled(TRUST[part]),
        Policies=policies,
    )


def _wiring(task: str, function: str) -> list[dict[str, Any]]:
    """A function's log, where its failures go, and the queue that feeds the builder."""
    logs = f"arn:{PARTITION}:logs:{REGION}:{ACCOUNT}:log-group:/aws/lambda/{function}:*"
    reading = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
    allowed = [
        statement("Allow", ["logs:CreateLogStream", "logs:PutLogEvents"], sub(logs)),
        statement("Allow", "sqs:SendMessage", attribute("EventDeadLetters")),
    ]
    if task == BUILDER:
        allowed.append(statement("Allow", reading, attribute("BuildQueue")))
    return allowed
