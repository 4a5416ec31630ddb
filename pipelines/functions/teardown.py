"""Lambda function: take an execution's staging endpoint away, whatever it came to.

Called by the pipeline's last step with {"ExecutionId": ...}, and by the event of an execution's
end, so that one that is stopped or fails early leaves nothing behind either.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from pipelines.aws import Clients
from pipelines.endpoint.deployment import Deployment
from pipelines.endpoint.staging import tear_down
from pipelines.errors import StagingError
from pipelines.functions.runtime import Event, Result, on_lambda
from pipelines.settings import DeploymentSettings


def handle(
    event: Event,
    clients: Clients,
    settings: DeploymentSettings,
    sleep: Callable[[float], None] = time.sleep,
) -> Result:
    """Take it away; a repeated call finds nothing and is content.

    Raises:
        StagingError: the event names no execution, or AWS refused.
    """
    deployment = Deployment.open(clients, settings)
    return {"Removed": str(tear_down(deployment, _execution(event), sleep))}


def _execution(event: Event) -> str:
    detail = event.get("detail", {})
    named = event.get("ExecutionId") or detail.get("pipelineExecutionArn", "").rpartition("/")[2]
    if not isinstance(named, str) or not named:
        raise StagingError("the event names no execution: ExecutionId or pipelineExecutionArn")
    return named


handler = on_lambda(handle)
