"""Take the endpoint away, and all that was made for it; versions, images and weights stay."""

from __future__ import annotations

from pipelines.endpoint import alarms, pieces, switch
from pipelines.endpoint.converge import Outcome, Phase, delete
from pipelines.endpoint.deployment import Deployment
from pipelines.endpoint.state import DELETING, look
from pipelines.errors import DeployError


def remove(deployment: Deployment) -> Outcome:
    """Go one step towards there being nothing, which no event undoes: only a command does.

    Raises:
        DeployError: an update runs, which cannot be stopped; or AWS refused.
    """
    switch.turn_off(deployment)
    state = look(deployment)
    if state is None:
        alarms.remove(deployment)
        pieces.sweep(deployment)
        return Outcome(Phase.ABSENT, None, None, "there is no endpoint")
    if state.status == DELETING:
        return Outcome(Phase.DELETING, state.version, None, "the endpoint is being deleted")
    if state.busy:
        raise DeployError(
            f"the endpoint is {state.status}, which nobody can stop: delete it when that has ended"
        )
    delete(deployment)
    return Outcome(Phase.DELETING, state.version, None, "the endpoint is being deleted")
