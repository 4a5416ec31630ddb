"""Lambda function: a version was approved; the endpoint goes to the newest approved one.

The event's own version does not matter: events come twice, late and in any order, and whichever
comes finds the same newest version.
"""

from __future__ import annotations

from pipelines.aws import Clients
from pipelines.endpoint.converge import Phase, converge
from pipelines.endpoint.deployment import Deployment
from pipelines.errors import DeployError
from pipelines.functions.runtime import Event, Result, on_lambda
from pipelines.settings import DeploymentSettings


def handle(event: Event, clients: Clients, settings: DeploymentSettings) -> Result:
    """Take one step; the end of an update brings the next event.

    Raises:
        DeployError: the endpoint cannot be brought further now; Lambda calls again.
        RegistryError: the versions cannot be read.
        PlanError: the version's plan cannot be used.
    """
    outcome = converge(Deployment.open(clients, settings))
    if outcome.phase is Phase.DELETING and outcome.wanted is not None:
        raise DeployError(f"{outcome.note}; version {outcome.wanted} comes when it is gone")
    return {"phase": str(outcome.phase), "version": outcome.version, "note": outcome.note}


handler = on_lambda(handle)
