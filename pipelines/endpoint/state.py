"""What the endpoint is now, as DescribeEndpoint tells it, in our words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipelines.aws import find
from pipelines.endpoint.deployment import Deployment
from pipelines.endpoint.spec import version_of
from pipelines.errors import DeployError

IN_SERVICE, FAILED, DELETING = "InService", "Failed", "Deleting"
BUSY = frozenset({"Creating", "Updating", "SystemUpdating", "RollingBack", DELETING})


@dataclass(frozen=True)
class EndpointState:
    """The endpoint.

    Attributes:
        status: as AWS calls it.
        config: name of the configuration that serves.
        version: number of the version that serves; None: not made by us.
        pending: number of the version of the running update.
        stage: what the running update does now.
        reason: why it failed, or why the last update was taken back.
        changed: when its status changed last.
        instances: that serve.
    """

    status: str
    config: str
    version: int | None
    pending: int | None
    stage: str
    reason: str
    changed: datetime
    instances: int

    @property
    def busy(self) -> bool:
        """Whether AWS refuses any change now."""
        return self.status in BUSY

    @property
    def newest(self) -> int | None:
        """The newer one of the version that serves and the one that is on its way."""
        return max((one for one in (self.version, self.pending) if one is not None), default=None)


def look(deployment: Deployment) -> EndpointState | None:
    """The endpoint; None: there is none.

    Raises:
        DeployError: AWS does not say.
    """
    name = deployment.names.endpoint
    describe = deployment.sagemaker.describe_endpoint
    found = find(f"endpoint {name}", DeployError, describe, EndpointName=name)
    return None if found is None else _state(deployment, found)


def _state(deployment: Deployment, found: dict[str, Any]) -> EndpointState:
    names = deployment.names
    pending = found.get("PendingDeploymentSummary", {})
    serving = found.get("ProductionVariants", [{}])
    return EndpointState(
        status=found["EndpointStatus"],
        config=found["EndpointConfigName"],
        version=version_of(names, found["EndpointConfigName"]),
        pending=version_of(names, pending.get("EndpointConfigName", "")),
        stage=_stage(pending.get("ProductionVariants", serving)),
        reason=found.get("FailureReason", ""),
        changed=found["LastModifiedTime"],
        instances=sum(one.get("CurrentInstanceCount", 0) for one in serving),
    )


def _stage(variants: list[dict[str, Any]]) -> str:
    """The last status message of a variant."""
    messages = [
        one.get("StatusMessage") or one["Status"]
        for variant in variants
        for one in variant.get("VariantStatus", [])
    ]
    return messages[-1] if messages else ""
