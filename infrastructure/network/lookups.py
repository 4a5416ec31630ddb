"""Ids that AWS gives and no template knows: asked for once, when a stack is deployed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aws_cdk import aws_iam as iam
from aws_cdk import custom_resources as cr
from constructs import Construct


class Ec2Lookup(Construct):
    """One describing call to EC2, made when the stack is created and whenever its question changes.

    It may do nothing else: its role holds that one action. If the answer lacks one of `paths`, the
    deployment fails there.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        action: str,
        parameters: Mapping[str, Any],
        paths: Sequence[str],
    ) -> None:
        super().__init__(scope, id)
        call = cr.AwsSdkCall(
            service="EC2",
            action=action,
            parameters=parameters,
            output_paths=list(paths),
            physical_resource_id=cr.PhysicalResourceId.of(self.node.path),
        )
        allowed = iam.PolicyStatement(
            actions=[f"ec2:{action[0].upper()}{action[1:]}"],
            resources=["*"],  # EC2's describing actions know no resources
        )
        self._answer = cr.AwsCustomResource(
            self,
            "Call",
            on_update=call,  # on creation too
            install_latest_aws_sdk=False,
            resource_type="Custom::Ec2Lookup",
            policy=cr.AwsCustomResourcePolicy.from_statements([allowed]),
        )

    def value(self, path: str) -> str:
        """What the answer holds at `path`, one of those asked for."""
        return self._answer.get_response_field(path)
