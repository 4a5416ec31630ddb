"""What an instance may do: pull one image, read one model, log, measure, say goodbye."""

from __future__ import annotations

from aws_cdk import aws_iam as iam
from constructs import Construct

from infrastructure.fleet.names import NAMESPACE, fleet_names
from infrastructure.models.grants import (
    allow,
    arn,
    measure,
    pull_image,
    read_objects,
    repository_of,
)
from infrastructure.settings import Stage

CHANNELS = (
    "CreateControlChannel",
    "CreateDataChannel",
    "OpenControlChannel",
    "OpenDataChannel",
)


class InstanceRole(Construct):
    """The role of the instances, and of nobody inside a container.

    The metadata service, which hands out its credentials, answers one hop away; a container is two.

    Attributes:
        role: of the instance profile.
    """

    def __init__(self, scope: Construct, id: str, *, stage: Stage) -> None:
        super().__init__(scope, id)
        names, fleet = fleet_names(stage), stage.fleet
        logs = arn(stage, "logs", f"log-group:{names.logs}:log-stream:*")
        group = f"autoScalingGroup:*:autoScalingGroupName/{names.group}"
        statements = [
            *pull_image(repository_of(fleet.image_uri)),
            *read_objects(fleet.model_uri),
            allow("WriteLogs", ["logs:CreateLogStream", "logs:PutLogEvents"], logs),
            measure(NAMESPACE),
            allow(
                "EndGracefully",
                ["autoscaling:CompleteLifecycleAction", "autoscaling:SetInstanceHealth"],
                arn(stage, "autoscaling", group),
            ),
            *_sessions(stage),
        ]
        self.role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"),
            inline_policies={"Instance": iam.PolicyDocument(statements=statements)},
        )


def _sessions(stage: Stage) -> list[iam.PolicyStatement]:
    """Systems Manager in the place of SSH: no key pair, no open port."""
    instances = arn(stage, "ec2", "instance/*")
    return [
        allow("BeManaged", ["ssm:UpdateInstanceInformation"], instances),
        # Channels are made by the agent and know no resource.
        allow("OpenSessions", [f"ssmmessages:{one}" for one in CHANNELS], "*"),
    ]
