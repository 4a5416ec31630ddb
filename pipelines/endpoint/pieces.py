"""Models and configurations of versions: made when they are needed, swept when they are not."""

from __future__ import annotations

from collections.abc import Collection

from pipelines.aws import drop, find, make, told
from pipelines.endpoint.deployment import Deployment
from pipelines.endpoint.spec import Spec, version_of
from pipelines.errors import DeployError


def ensure(deployment: Deployment, spec: Spec) -> None:
    """Have a version's model and configuration; their names stand for their content.

    Raises:
        DeployError: SageMaker refused.
    """
    sagemaker = deployment.sagemaker
    model, config = spec.model["ModelName"], spec.config_name
    if find(f"model {model}", DeployError, sagemaker.describe_model, ModelName=model) is None:
        make(f"model {model}", DeployError, sagemaker.create_model, **spec.model)
    what, call = f"configuration {config}", sagemaker.describe_endpoint_config
    if find(what, DeployError, call, EndpointConfigName=config) is None:
        make(what, DeployError, sagemaker.create_endpoint_config, **spec.config)


def sweep(deployment: Deployment, config: str = "") -> int:
    """Remove our models and configurations, but the one that serves, and its model.

    Args:
        deployment: whose pieces they are.
        config: the configuration to keep; empty: keep none.

    Returns:
        How many there were.

    Raises:
        DeployError: SageMaker refused.
    """
    sagemaker, kept, gone = deployment.sagemaker, {config, _model_of(deployment, config)}, 0
    for name in _ours(deployment, "list_endpoint_configs", "EndpointConfig", kept):
        call = sagemaker.delete_endpoint_config
        gone += drop(f"configuration {name}", DeployError, call, EndpointConfigName=name)
    for name in _ours(deployment, "list_models", "Model", kept):
        gone += drop(f"model {name}", DeployError, sagemaker.delete_model, ModelName=name)
    return gone


def _model_of(deployment: Deployment, config: str) -> str:
    if not config:
        return ""
    call = deployment.sagemaker.describe_endpoint_config
    found = find(f"configuration {config}", DeployError, call, EndpointConfigName=config)
    return str(found["ProductionVariants"][0].get("ModelName", "")) if found else ""


def _ours(deployment: Deployment, operation: str, kind: str, kept: Collection[str]) -> list[str]:
    """Names of what is ours and not kept; what else there is, nobody here touches."""
    pages = deployment.sagemaker.get_paginator(operation).paginate(
        NameContains=f"{deployment.names.prefix}-v"
    )
    with told(f"the list of {kind}s", DeployError):
        names = [one[f"{kind}Name"] for page in pages for one in page[f"{kind}s"]]
    return [name for name in names if version_of(deployment.names, name) and name not in kept]
