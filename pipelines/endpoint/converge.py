"""Make the endpoint serve the newest approved version; the one way in which it is ever changed.

    no endpoint ------------> create, unless it was deleted on purpose
    busy -------------------> wait: whatever ends it comes here again
    failed -----------------> reject that version, delete, come again
    went back --------------> reject the version that it went back from
    serves another version -> update: with a canary to a newer one, at once to an older one
    serves it --------------> alarms, scaling, sweep

A second run after a failure anywhere finds what the first one left, and goes on from there.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from pipelines.aws import drop, make, told
from pipelines.endpoint import alarms, canary, marker, pieces, scaling, switch
from pipelines.endpoint.deployment import Deployment
from pipelines.endpoint.marker import Marker
from pipelines.endpoint.spec import Spec, spec_of, version_of
from pipelines.endpoint.state import DELETING, FAILED, EndpointState, look
from pipelines.errors import DeployError
from pipelines.registry.interface import Approval


class Phase(enum.StrEnum):
    """Where the endpoint is on its way."""

    SERVING = "serving"
    UPDATING = "updating"
    DELETING = "deleting"
    ABSENT = "absent"


@dataclass(frozen=True)
class Outcome:
    """What a run came to.

    Attributes:
        phase: SERVING and ABSENT are ends; UPDATING and DELETING go on by themselves.
        version: that serves, or is on its way; None: neither.
        wanted: the newest approved one; None: there is none.
        note: a sentence on what happened.
        begun: whether this very run began to create or update.
    """

    phase: Phase
    version: int | None
    wanted: int | None
    note: str
    begun: bool = False

    @property
    def ended(self) -> bool:
        """Whether nothing more happens by itself."""
        return self.phase in (Phase.SERVING, Phase.ABSENT)


def converge(deployment: Deployment, *, exact: bool = False) -> Outcome:
    """Bring the endpoint one step nearer to the newest approved version.

    Args:
        deployment: whose endpoint it is.
        exact: update too when only settings differ; whoever hears of an event does not, since its
            settings may be older than those of the command that was given last.

    Raises:
        DeployError: AWS refused, or alarms ring that would take the update back.
        RegistryError: the versions cannot be read.
        PlanError: the version's plan cannot be used.
    """
    state = look(deployment)
    if state is None:
        return _from_nothing(deployment)
    if state.busy:
        return _busy(deployment, state)
    if state.status == FAILED:
        return _clear(deployment, state)
    _learn(deployment, state)
    wanted = newest_approved(deployment)
    if wanted is None:
        return _unapproved(state)
    spec = _spec(deployment, wanted)
    serves = state.config == spec.config_name if exact else state.version == wanted
    return _settle(deployment, state, spec) if serves else _update(deployment, state, spec)


def newest_approved(deployment: Deployment) -> int | None:
    """The version that the endpoint should serve.

    Raises:
        RegistryError: SageMaker does not say.
    """
    return next(iter(deployment.registry.numbers(Approval.APPROVED)), None)


def _spec(deployment: Deployment, number: int) -> Spec:
    version = deployment.registry.get(number)
    return spec_of(version, deployment.settings, deployment.execution_role)


def _busy(deployment: Deployment, state: EndpointState) -> Outcome:
    phase = Phase.DELETING if state.status == DELETING else Phase.UPDATING
    version = state.pending or state.version
    note = f"the endpoint is {state.status}" + (f": {state.stage}" if state.stage else "")
    return Outcome(phase, version, newest_approved(deployment), note)


def _clear(deployment: Deployment, state: EndpointState) -> Outcome:
    """Take away an endpoint that never came up; it cannot be updated."""
    reject(deployment, state.version, f"its endpoint failed: {state.reason}")
    delete(deployment)
    note = f"version {state.version} did not come up ({state.reason}): its endpoint is deleted"
    return Outcome(Phase.DELETING, state.version, newest_approved(deployment), note)


def _learn(deployment: Deployment, state: EndpointState) -> None:
    """Reject the version of an update that was taken back, and keep it in mind no longer."""
    begun = marker.read(deployment)
    if begun is None or not state.reason or begun.config == state.config:
        return
    if state.changed <= begun.before:
        return
    number = version_of(deployment.names, begun.config)
    if number != state.version:
        reject(deployment, number, f"its update was taken back: {state.reason}")
    marker.clear(deployment)
    if number == state.version:
        raise DeployError(f"the update to other settings was taken back: {state.reason}")


def reject(deployment: Deployment, number: int | None, why: str) -> None:
    """Let a version serve no more; one that was not approved stays as it is.

    Raises:
        RegistryError: SageMaker refused.
    """
    registry = deployment.registry
    if number in registry.numbers(Approval.APPROVED):
        registry.decide(registry.get(number), Approval.REJECTED, why)


def delete(deployment: Deployment) -> None:
    """Begin to delete the endpoint; it no longer scales.

    Raises:
        DeployError: AWS refused.
    """
    scaling.remove(deployment)
    name, call = deployment.names.endpoint, deployment.sagemaker.delete_endpoint
    drop(f"endpoint {name}", DeployError, call, EndpointName=name)


def _from_nothing(deployment: Deployment) -> Outcome:
    wanted = newest_approved(deployment)
    if wanted is None or switch.is_off(deployment):
        return _absent(deployment, wanted)
    return _create(deployment, _spec(deployment, wanted))


def _absent(deployment: Deployment, wanted: int | None) -> Outcome:
    pieces.sweep(deployment)
    note = "there is no endpoint, and no approved version"
    if wanted is not None:
        note = f"the endpoint was deleted; `keepwarm deploy` makes it again with version {wanted}"
    return Outcome(Phase.ABSENT, None, wanted, note)


def _unapproved(state: EndpointState) -> Outcome:
    note = f"no version is approved; the endpoint goes on with version {state.version}"
    return Outcome(Phase.SERVING, state.version, None, note)


def _create(deployment: Deployment, spec: Spec) -> Outcome:
    alarms.ensure(deployment)
    pieces.ensure(deployment, spec)
    name, call = deployment.names.endpoint, deployment.sagemaker.create_endpoint
    make(
        f"endpoint {name}",
        DeployError,
        call,
        EndpointName=name,
        EndpointConfigName=spec.config_name,
    )
    note = f"the endpoint is created with version {spec.number}"
    return Outcome(Phase.UPDATING, spec.number, spec.number, note, begun=True)


def _update(deployment: Deployment, state: EndpointState, spec: Spec) -> Outcome:
    alarms.ensure(deployment)
    back = state.version is not None and spec.number < state.version
    policy = canary.at_once(deployment.settings) if back else _guarded(deployment, state)
    pieces.ensure(deployment, spec)
    marker.write(deployment, Marker(spec.config_name, state.changed))
    scaling.remove(deployment)
    with told(f"endpoint {deployment.names.endpoint}", DeployError):
        deployment.sagemaker.update_endpoint(
            EndpointName=deployment.names.endpoint,
            EndpointConfigName=spec.config_name,
            RetainAllVariantProperties=True,
            DeploymentConfig=policy,
        )
    way = "back, at once" if back else "with a canary"
    note = f"the endpoint goes from version {state.version} to {spec.number}, {way}"
    return Outcome(Phase.UPDATING, spec.number, spec.number, note, begun=True)


def _guarded(deployment: Deployment, state: EndpointState) -> dict[str, object]:
    """The canary's policy, unless it would be taken back at once."""
    ringing = alarms.ringing(deployment)
    if ringing:
        raise DeployError(
            f"{', '.join(ringing)} in ALARM: an update would be taken back at once; find out why, "
            "or go back by `keepwarm rollback`"
        )
    names = alarms.names_of(deployment.names)
    return canary.careful(deployment.settings, state.instances, names)


def _settle(deployment: Deployment, state: EndpointState, spec: Spec) -> Outcome:
    """What belongs to an endpoint that serves, and nothing else."""
    alarms.ensure(deployment)
    scaling.ensure(deployment, spec.scaling_target)
    pieces.sweep(deployment, state.config)
    note = f"the endpoint serves version {spec.number} on {state.instances} instances"
    return Outcome(Phase.SERVING, spec.number, spec.number, note)
