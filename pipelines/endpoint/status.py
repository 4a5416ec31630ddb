"""Everything that `keepwarm status` shows, as one record."""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.aws import find
from pipelines.definition.execution import Progress, progress
from pipelines.endpoint import alarms, scaling
from pipelines.endpoint.alarms import AlarmState
from pipelines.endpoint.deployment import Deployment
from pipelines.endpoint.scaling import ScalingState
from pipelines.endpoint.state import EndpointState, look
from pipelines.errors import DeployError

NEWEST = 5


@dataclass(frozen=True)
class VersionState:
    """A version.

    Attributes:
        number: counts from 1.
        approval: Approved, Rejected or PendingManualApproval.
        why: what was said when that was decided.
    """

    number: int
    approval: str
    why: str


@dataclass(frozen=True)
class ExecutionState:
    """The last execution of the pipeline.

    Attributes:
        name: its own id.
        progress: how far it is.
    """

    name: str
    progress: Progress


@dataclass(frozen=True)
class Status:
    """One deployment as it is now.

    Attributes:
        name: its prefix.
        endpoint: None: there is none.
        versions: the newest five.
        alarms: those that exist.
        scaling: None: it does not scale.
        execution: None: there was none, or no pipeline.
    """

    name: str
    endpoint: EndpointState | None
    versions: tuple[VersionState, ...]
    alarms: tuple[AlarmState, ...]
    scaling: ScalingState | None
    execution: ExecutionState | None


def status(deployment: Deployment) -> Status:
    """Look at all of it.

    Raises:
        PipelineError: AWS does not say.
    """
    endpoint = look(deployment)
    return Status(
        name=deployment.names.prefix,
        endpoint=endpoint,
        versions=_versions(deployment),
        alarms=tuple(alarms.states(deployment)),
        scaling=scaling.state(deployment) if endpoint else None,
        execution=_execution(deployment),
    )


def _versions(deployment: Deployment) -> tuple[VersionState, ...]:
    registry = deployment.registry
    newest = [registry.get(number) for number in registry.numbers()[:NEWEST]]
    return tuple(
        VersionState(one.number, str(one.approval), registry.reason(one)) for one in newest
    )


def _execution(deployment: Deployment) -> ExecutionState | None:
    found = find(
        "the pipeline's executions",
        DeployError,
        deployment.sagemaker.list_pipeline_executions,
        PipelineName=deployment.names.pipeline,
        SortBy="CreationTime",
        SortOrder="Descending",
        MaxResults=1,
    )
    if not found or not found["PipelineExecutionSummaries"]:
        return None
    arn = found["PipelineExecutionSummaries"][0]["PipelineExecutionArn"]
    return ExecutionState(arn.rpartition("/")[2], progress(deployment.clients, arn))
