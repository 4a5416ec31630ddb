"""Whether there should be an endpoint at all: a tag of the package group, since it outlives it.

Somebody who deletes the endpoint does not want the next event to make it again.
"""

from __future__ import annotations

from pipelines.aws import find, told
from pipelines.endpoint.deployment import Deployment
from pipelines.errors import DeployError

TAG = "keepwarm:endpoint"
DELETED = "deleted"


def is_off(deployment: Deployment) -> bool:
    """Whether it was deleted on purpose.

    Raises:
        DeployError: AWS does not say.
    """
    call, arn = deployment.sagemaker.list_tags, deployment.group_arn
    found = find("the package group's tags", DeployError, call, ResourceArn=arn)
    return {"Key": TAG, "Value": DELETED} in (found or {}).get("Tags", [])


def turn_off(deployment: Deployment) -> None:
    """Let no event make it.

    Raises:
        DeployError: AWS refused.
    """
    call, tag = deployment.sagemaker.add_tags, {"Key": TAG, "Value": DELETED}
    find(
        "the package group's tags",
        DeployError,
        call,
        ResourceArn=deployment.group_arn,
        Tags=[tag],
    )


def turn_on(deployment: Deployment) -> None:
    """Let it be made again.

    Raises:
        DeployError: AWS refused.
    """
    if is_off(deployment):
        with told("the package group's tags", DeployError):
            deployment.sagemaker.delete_tags(ResourceArn=deployment.group_arn, TagKeys=[TAG])
