"""The alarms that take an update back: what rings, at what, and what it is measured by.

| signal | measured by | where it comes from |
| --- | --- | --- |
| errors | `Invocation5XXErrors` | SageMaker itself, of the variant |
| first-token | `time_to_first_chunk`, p95 | the orchestrator's telemetry |
| truncated | `truncated` | the orchestrator's telemetry |
| preemptions | `keepwarm:preemptions_total` | the container's /metrics, by detailed observability |

Without an orchestrator its two alarms have no data, and an alarm without data does not ring.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pipelines.aws import told
from pipelines.endpoint.deployment import Deployment
from pipelines.errors import DeployError
from pipelines.names import Names
from pipelines.settings import DeploymentSettings

SAGEMAKER_NAMESPACE, ERRORS = "AWS/SageMaker", "Invocation5XXErrors"
FIRST_TOKEN, TRUNCATED = "time_to_first_chunk", "truncated"
PREEMPTIONS = "keepwarm:preemptions_total"
SERVICE_DIMENSION, SERVICE = "service", "keepwarm"
ENDPOINT_LABEL = "aws.sagemaker.endpoint.name"

SIGNALS = ("errors", "first-token", "truncated", "preemptions")
RINGING = "ALARM"
MINUTE_S = 60

Request = dict[str, Any]


@dataclass(frozen=True)
class AlarmState:
    """One of our alarms.

    Attributes:
        name: in CloudWatch.
        state: OK, ALARM or INSUFFICIENT_DATA.
        reason: what CloudWatch says about it.
    """

    name: str
    state: str
    reason: str


def names_of(names: Names) -> list[str]:
    """Our alarms, in the order of SIGNALS."""
    return [names.alarm(signal) for signal in SIGNALS]


def definitions(settings: DeploymentSettings) -> dict[str, Request]:
    """PutMetricAlarm's requests by the alarms' names."""
    names, space = settings.names, settings.metrics_namespace
    variant = {"EndpointName": names.endpoint, "VariantName": names.variant}
    service = {SERVICE_DIMENSION: SERVICE}
    requests = (
        _over(ERRORS, SAGEMAKER_NAMESPACE, variant, settings.alarm_errors, Statistic="Sum"),
        _over(
            FIRST_TOKEN,
            space,
            service,
            settings.alarm_first_token_ms,
            ExtendedStatistic="p95",
            EvaluateLowSampleCountPercentile="ignore",
        ),
        _over(TRUNCATED, space, service, settings.alarm_truncated, Statistic="Sum"),
        _query(_preemptions(names, settings.alarm_preemptions)),
    )
    about = f"Takes an update of {names.endpoint} back"
    return {
        name: {"AlarmName": name, "AlarmDescription": about, **request}
        for name, request in zip(names_of(names), requests, strict=True)
    }


def ensure(deployment: Deployment) -> None:
    """Have all alarms there as they should be.

    Raises:
        DeployError: CloudWatch refused.
    """
    there = {one["AlarmName"]: one for one in _described(deployment)}
    for name, request in definitions(deployment.settings).items():
        held = there.get(name, {})
        if any(held.get(key) != value for key, value in request.items()):
            with told(f"alarm {name}", DeployError):
                deployment.clients.client("cloudwatch").put_metric_alarm(**request)


def states(deployment: Deployment) -> list[AlarmState]:
    """Those of our alarms that exist.

    Raises:
        DeployError: CloudWatch does not say.
    """
    return [
        AlarmState(one["AlarmName"], one["StateValue"], one.get("StateReason", ""))
        for one in _described(deployment)
    ]


def ringing(deployment: Deployment) -> list[str]:
    """Names of those that ring now.

    Raises:
        DeployError: CloudWatch does not say.
    """
    return [one.name for one in states(deployment) if one.state == RINGING]


def remove(deployment: Deployment) -> None:
    """Have none of them.

    Raises:
        DeployError: CloudWatch refused.
    """
    there = [one["AlarmName"] for one in _described(deployment)]
    if there:
        with told("the alarms", DeployError):
            deployment.clients.client("cloudwatch").delete_alarms(AlarmNames=there)


def _described(deployment: Deployment) -> Iterable[Request]:
    with told("the alarms", DeployError):
        found = deployment.clients.client("cloudwatch").describe_alarms(
            AlarmNames=names_of(deployment.names)
        )
    alarms: list[Request] = found["MetricAlarms"]
    return alarms


def _over(
    metric: str, namespace: str, dimensions: dict[str, str], limit: float, **statistic: str
) -> Request:
    """Two of three minutes over a limit; minutes without data are good ones."""
    return {
        "MetricName": metric,
        "Namespace": namespace,
        "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
        **statistic,
        "Period": MINUTE_S,
        "EvaluationPeriods": 3,
        "DatapointsToAlarm": 2,
        "Threshold": float(limit),
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "notBreaching",
    }


def _query(query: str) -> Request:
    """Two minutes of any answer to a PromQL query."""
    criteria = {"Query": query, "PendingPeriod": 2 * MINUTE_S, "RecoveryPeriod": 2 * MINUTE_S}
    return {
        "EvaluationCriteria": {"PromQLCriteria": criteria},
        "EvaluationInterval": MINUTE_S,
    }


def _preemptions(names: Names, limit: int) -> str:
    """Of the whole endpoint in a minute, by the last five."""
    series = f'{{"{PREEMPTIONS}", "{ENDPOINT_LABEL}"="{names.endpoint}"}}'
    return f"sum(rate({series}[5m])) * {MINUTE_S} > {limit}"
