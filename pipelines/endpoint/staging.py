"""The endpoint that a pipeline execution tries its candidate on, taken away whatever it came to."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pipelines.aws import drop, find, told
from pipelines.endpoint.deployment import Deployment
from pipelines.endpoint.state import BUSY, DELETING
from pipelines.errors import StagingError

EXECUTION_TAG = "keepwarm:execution"
POLL_S = 15.0


def tear_down(deployment: Deployment, execution: str, sleep: Callable[[float], None]) -> int:
    """Have nothing of an execution's staging any more.

    SageMaker deletes no endpoint that is still coming up: that is waited for, as long as the caller
    may run.

    Args:
        deployment: whose execution it was.
        execution: the execution's own id.
        sleep: waits between two looks.

    Returns:
        How many things were taken away.

    Raises:
        StagingError: AWS refused.
    """
    name, sagemaker = deployment.names.staging_endpoint(execution), deployment.sagemaker
    models = [*_named(deployment, name), *_tagged(deployment, execution)]
    gone = _delete_endpoint(deployment, name, sleep)
    config = sagemaker.delete_endpoint_config
    gone += drop(f"configuration {name}", StagingError, config, EndpointConfigName=name)
    for model in dict.fromkeys(models):
        gone += drop(f"model {model}", StagingError, sagemaker.delete_model, ModelName=model)
    return gone


def _delete_endpoint(deployment: Deployment, name: str, sleep: Callable[[float], None]) -> int:
    sagemaker = deployment.sagemaker
    while True:
        found = find(
            f"endpoint {name}", StagingError, sagemaker.describe_endpoint, EndpointName=name
        )
        status = found["EndpointStatus"] if found else DELETING
        if status == DELETING:
            return 0
        if status not in BUSY:
            call = sagemaker.delete_endpoint
            return int(drop(f"endpoint {name}", StagingError, call, EndpointName=name))
        sleep(POLL_S)


def _named(deployment: Deployment, name: str) -> list[str]:
    """Models of the staging configuration."""
    call = deployment.sagemaker.describe_endpoint_config
    found = find(f"configuration {name}", StagingError, call, EndpointConfigName=name)
    return [one["ModelName"] for one in found["ProductionVariants"]] if found else []


def _tagged(deployment: Deployment, execution: str) -> Iterator[str]:
    """Models of the execution that no configuration names; SageMaker made their names."""
    sagemaker, prefix = deployment.sagemaker, f"{deployment.names.prefix}-staging"
    pages = sagemaker.get_paginator("list_models").paginate(NameContains=prefix)
    with told("the list of models", StagingError):
        found = [one for page in pages for one in page["Models"]]
    for one in found:
        if not one["ModelName"].startswith(prefix):
            continue
        tags = find(
            one["ModelName"], StagingError, sagemaker.list_tags, ResourceArn=one["ModelArn"]
        )
        wanted = {"Key": EXECUTION_TAG, "Value": execution}
        if tags and wanted in tags["Tags"]:
            yield one["ModelName"]
