"""The Lambda functions: one zip for all, named by its content, and for each its log."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from pipelines.gates.limits import GateLimits
from pipelines.settings import PREFIX, DeploymentSettings
from pipelines.template.cloudformation import Resource, Resources, attribute, ref, resource
from pipelines.template.queues import FUNCTION_S
from pipelines.template.roles import logical as role

JUDGE = "judge"
LONGEST_S = 900
"""Of Lambda: an endpoint that is still coming up cannot be deleted yet, and is waited for."""

RUNTIME = "python3.13"
LOG_DAYS = 90


@dataclass(frozen=True)
class Function:
    """One function.

    Attributes:
        task: its module in `pipelines.functions`, with hyphens.
        timeout_s, memory_mb: what it may take.
    """

    task: str
    timeout_s: int = 300
    memory_mb: int = 512

    @property
    def logical(self) -> str:
        """Its name in the template."""
        return logical(self.task)


FUNCTIONS = (
    Function("build-image", FUNCTION_S),
    Function("build-finished", FUNCTION_S),
    Function(JUDGE, memory_mb=1024),
    Function("register"),
    Function("teardown", LONGEST_S),
    Function("deploy"),
    Function("deploy-finished"),
)


def logical(task: str) -> str:
    """`deploy-finished` as `DeployFinishedFunction`."""
    return "".join(word.capitalize() for word in task.split("-")) + "Function"


def functions(settings: DeploymentSettings, gates: GateLimits) -> Resources:
    """Functions, their logs, where failures go, and what feeds the builder."""
    made: Resources = {}
    for one in FUNCTIONS:
        limits = gates.environment() if one.task == JUDGE else {}
        made[one.logical] = _function(one, settings, {**_environment(settings), **limits})
        made[f"{one.logical}Log"] = log_group(f"/aws/lambda/{settings.names.function(one.task)}")
        made[f"{one.logical}Failures"] = _failures(one)
    made["BuildRequests"] = resource(
        "AWS::Lambda::EventSourceMapping",
        FunctionName=ref(logical("build-image")),
        EventSourceArn=attribute("BuildQueue"),
        BatchSize=10,
        FunctionResponseTypes=["ReportBatchItemFailures"],
    )
    return made


def log_group(name: str) -> Resource:
    """A log that does not grow for ever."""
    return resource("AWS::Logs::LogGroup", LogGroupName=name, RetentionInDays=LOG_DAYS)


def _function(one: Function, settings: DeploymentSettings, environment: dict[str, Any]) -> Resource:
    return resource(
        "AWS::Lambda::Function",
        FunctionName=settings.names.function(one.task),
        Runtime=RUNTIME,
        Architectures=["arm64"],
        Handler=f"pipelines.functions.{one.task.replace('-', '_')}.handler",
        Code={"S3Bucket": ref("Bucket"), "S3Key": ref("FunctionsKey")},
        Role=attribute(role(one.task)),
        Timeout=one.timeout_s,
        MemorySize=one.memory_mb,
        Environment={"Variables": environment},
        LoggingConfig={"LogGroup": ref(f"{one.logical}Log")},
    )


def _failures(one: Function) -> Resource:
    """An event whose function failed three times is kept, not forgotten."""
    return resource(
        "AWS::Lambda::EventInvokeConfig",
        FunctionName=ref(one.logical),
        Qualifier="$LATEST",
        MaximumRetryAttempts=2,
        DestinationConfig={"OnFailure": {"Destination": attribute("EventDeadLetters")}},
    )


def _environment(settings: DeploymentSettings) -> dict[str, Any]:
    """The deployment's settings, as `DeploymentSettings.load` reads them."""
    known: dict[str, Any] = {
        "account": ref("AWS::AccountId"),
        "region": ref("AWS::Region"),
        "bucket": ref("Bucket"),
    }
    found: dict[str, Any] = {}
    for one in dataclasses.fields(settings):
        value = known.get(one.name, str(getattr(settings, one.name)))
        if value != "":
            found[PREFIX + one.name.upper()] = value
    return found
