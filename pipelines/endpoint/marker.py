"""The tag that says which update was begun, so that its end can be told from no beginning.

keepwarm:update = "keepwarm-v7-1f0c9a2b44 2026-11-02T09:00:00+00:00"

It holds the configuration, and the endpoint's last change before. An endpoint that has changed
since and serves another configuration has gone back. One that has not changed was never updated:
whoever set the tag failed right after it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pipelines.aws import find, told
from pipelines.endpoint.deployment import Deployment
from pipelines.errors import DeployError

TAG = "keepwarm:update"


@dataclass(frozen=True)
class Marker:
    """An update that was about to begin.

    Attributes:
        config: name of the configuration that it was for.
        before: the endpoint's last change before it.
    """

    config: str
    before: datetime


def read(deployment: Deployment) -> Marker | None:
    """The last update that was about to begin; None: there was none, or its end is known.

    Raises:
        DeployError: AWS does not say.
    """
    call, arn = deployment.sagemaker.list_tags, deployment.endpoint_arn
    found = find("the endpoint's tags", DeployError, call, ResourceArn=arn)
    tags = {one["Key"]: one["Value"] for one in (found or {}).get("Tags", [])}
    config, _, before = tags.get(TAG, "").partition(" ")
    return Marker(config, datetime.fromisoformat(before)) if before else None


def write(deployment: Deployment, marker: Marker) -> None:
    """Say that an update is about to begin.

    Raises:
        DeployError: AWS refused.
    """
    value = f"{marker.config} {marker.before.isoformat()}"
    with told("the endpoint's tags", DeployError):
        deployment.sagemaker.add_tags(
            ResourceArn=deployment.endpoint_arn, Tags=[{"Key": TAG, "Value": value}]
        )


def clear(deployment: Deployment) -> None:
    """Say that its end is known.

    Raises:
        DeployError: AWS refused.
    """
    with told("the endpoint's tags", DeployError):
        deployment.sagemaker.delete_tags(ResourceArn=deployment.endpoint_arn, TagKeys=[TAG])
