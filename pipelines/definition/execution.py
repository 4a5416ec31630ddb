"""How far an execution is: its steps in the order in which they began, and how it ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pipelines.aws import Clients, told
from pipelines.errors import DeployError

SUCCEEDED = "Succeeded"
RUNNING = ("Executing", "Stopping")
POLL_S = 15.0


@dataclass(frozen=True)
class StepState:
    """A step.

    Attributes:
        name: as the definition calls it.
        status: Starting, Executing, Stopping, Stopped, Failed or Succeeded.
        reason: why it failed.
    """

    name: str
    status: str
    reason: str = ""


@dataclass(frozen=True)
class Progress:
    """An execution.

    Attributes:
        status: Executing, Stopping, Stopped, Failed, Succeeded, or CompletedWithFailures when a
            step ran because another one had failed: only Succeeded is a success.
        reason: why it failed.
        steps: those that have begun.
    """

    status: str
    reason: str
    steps: tuple[StepState, ...]

    @property
    def ended(self) -> bool:
        """Whether no step runs any more."""
        return self.status not in RUNNING

    @property
    def succeeded(self) -> bool:
        """Whether all went well."""
        return self.status == SUCCEEDED

    @property
    def reasons(self) -> list[str]:
        """What failed and why, step by step; the execution's own reason when no step has one."""
        found = [f"{one.name}: {one.reason}" for one in self.steps if one.reason]
        return found or ([self.reason] if self.reason else [])


def progress(clients: Clients, execution: str) -> Progress:
    """How far an execution is.

    Raises:
        DeployError: there is no such execution, or AWS cannot be asked.
    """
    client = clients.client("sagemaker")
    with told(f"execution {execution}", DeployError):
        found = client.describe_pipeline_execution(PipelineExecutionArn=execution)
        pages = client.get_paginator("list_pipeline_execution_steps").paginate(
            PipelineExecutionArn=execution, SortOrder="Ascending"
        )
        steps = tuple(_state(one) for page in pages for one in page["PipelineExecutionSteps"])
    return Progress(found["PipelineExecutionStatus"], found.get("FailureReason", ""), steps)


def follow(
    clients: Clients,
    execution: str,
    say: Callable[[StepState], None],
    sleep: Callable[[float], None],
) -> Progress:
    """Wait for an execution's end.

    Args:
        clients: where SageMaker's client comes from.
        execution: its ARN.
        say: hears of every change of a step.
        sleep: waits between two looks.

    Raises:
        DeployError: see `progress`.
    """
    known: dict[str, str] = {}
    while True:
        now = progress(clients, execution)
        for step in now.steps:
            if known.get(step.name) != step.status:
                known[step.name] = step.status
                say(step)
        if now.ended:
            return now
        sleep(POLL_S)


def _state(step: dict[str, Any]) -> StepState:
    return StepState(step["StepName"], step["StepStatus"], step.get("FailureReason", ""))
