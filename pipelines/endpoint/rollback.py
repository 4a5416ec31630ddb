"""Going back to an approved version: the bad one is rejected, converging does the rest."""

from __future__ import annotations

from pipelines.endpoint.converge import Outcome, converge, newest_approved, reject
from pipelines.endpoint.deployment import Deployment
from pipelines.endpoint.state import EndpointState, look
from pipelines.errors import DeployError
from pipelines.registry.interface import Approval


def roll_back(deployment: Deployment, why: str, to: int | None = None) -> Outcome:
    """Reject the newest version and bring the endpoint back to an older approved one.

    A second run after a failure goes on where the first one stopped, and rejects nothing more.

    Args:
        deployment: whose endpoint it is.
        why: the reason that the registry keeps.
        to: version to go back to; all approved ones above it are rejected. Without it: the newest
            approved one below the one that serves or is on its way.

    Raises:
        DeployError: there is no endpoint, or no version to go back to.
        RegistryError: the versions cannot be read or rejected.
    """
    state = look(deployment)
    if state is None:
        raise DeployError(f"there is no endpoint {deployment.names.endpoint} to roll back")
    approved = deployment.registry.numbers(Approval.APPROVED)
    goal = _goal(approved, state, to)
    for number in [one for one in approved if one > goal]:
        reject(deployment, number, why)
    return converge(deployment)


def approve(deployment: Deployment, number: int | None, *, also_pending: bool) -> None:
    """Have a version be the newest approved one.

    Args:
        deployment: whose version it is.
        number: of the version; None: whatever is the newest approved one.
        also_pending: approve it when nobody has decided yet.

    Raises:
        DeployError: it may not serve, or a newer approved one would.
        RegistryError: there is no such version.
    """
    if number is None:
        return
    version = deployment.registry.get(number)
    if version.approval is Approval.PENDING and also_pending:
        version = deployment.registry.decide(version, Approval.APPROVED, "approved to be deployed")
    if version.approval is not Approval.APPROVED:
        raise DeployError(
            f"version {number} is {version.approval}: only an approved version is deployed "
            "(--approve approves one that is pending)"
        )
    newest = newest_approved(deployment)
    if newest is not None and newest > number:
        raise DeployError(
            f"version {newest} is approved and newer than {number}: to leave it, "
            f"`keepwarm rollback --to {number}`"
        )


def _goal(approved: list[int], state: EndpointState, to: int | None) -> int:
    """The version to go back to."""
    if to is not None:
        if to not in approved:
            raise DeployError(f"version {to} is not approved; approved: {_listed(approved)}")
        return to
    newest = state.newest
    older = [one for one in approved if newest is None or one < newest]
    if not older:
        raise DeployError(
            f"there is no approved version older than {newest} to go back to; "
            f"approved: {_listed(approved)}"
        )
    return older[0]


def _listed(numbers: list[int]) -> str:
    return ", ".join(map(str, numbers)) or "none"
