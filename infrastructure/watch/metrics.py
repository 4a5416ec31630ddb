"""The metrics that dashboard and alarms show: their names are those of the code that emits them.

    service = keepwarm               turns, times, tokens, cost      the consumer, of events
    source, status_class             requests                        the orchestrator itself
    AutoScalingGroupName             how full instances are          the fleet's instances
    AWS/...                          everything else                 AWS

A test emits all of ours, and compares.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch

from infrastructure.contract import METRICS_NAMESPACE
from infrastructure.fleet.names import GROUP_DIMENSION
from infrastructure.fleet.names import NAMESPACE as FLEET_NAMESPACE
from orchestrator_lambda.observability import metrics as requests
from orchestrator_lambda.telemetry import emf

MINUTE = cdk.Duration.minutes(1)
FIVE_MINUTES = cdk.Duration.minutes(5)
HOUR = cdk.Duration.hours(1)

Metrics = Sequence[cloudwatch.IMetric]


def turn(
    name: str, statistic: str = "Sum", *, label: str = "", period: cdk.Duration = MINUTE
) -> cloudwatch.Metric:
    """A metric of turns, over all models and variants."""
    return cloudwatch.Metric(
        namespace=METRICS_NAMESPACE,
        metric_name=name,
        dimensions_map={emf.SERVICE_DIMENSION: emf.SERVICE},
        statistic=statistic,
        period=period,
        label=label or None,  # an alarm's metric with a label is no plain one any more
    )


def percentiles(name: str) -> Metrics:
    """The median and the slow ones."""
    return [turn(name, one, label=one) for one in ("p50", "p95", "p99")]


def share(
    part: str, whole: str, *, period: cdk.Duration, enough: int = 0, else_: float = 0
) -> cloudwatch.IMetric:
    """What part of a whole, both metrics of turns, summed over a period.

    Where there is not `enough` of the whole, there is no share to speak of, and `else_` stands.
    """
    fraction = "part / whole"
    return cloudwatch.MathExpression(
        expression=f"IF(whole > {enough}, {fraction}, {else_:g})" if enough else fraction,
        using_metrics={"part": turn(part, period=period), "whole": turn(whole, period=period)},
        label=f"{part} / {whole}",
        period=period,
    )


def requests_by(status_class: str, name: str = "requests") -> cloudwatch.IMetric:
    """The orchestrator's requests of a status class, whatever event they came by."""
    dimensions = "service,source,status_class"
    search = (
        f'{{{requests.NAMESPACE},{dimensions}}} MetricName="{name}" '
        f'service="{requests.SERVICE}" status_class="{status_class}"'
    )
    return cloudwatch.MathExpression(
        expression=f"SUM(SEARCH('{search}', 'Sum', 60))",
        using_metrics={},
        label=f"{status_class} {name}",
        period=MINUTE,
    )


def fleet(name: str, group: str, statistic: str = "Average") -> cloudwatch.Metric:
    """A metric that each instance of the fleet writes."""
    return aws(FLEET_NAMESPACE, name, {GROUP_DIMENSION: group}, statistic)


def aws(
    namespace: str,
    name: str,
    dimensions: Mapping[str, str],
    statistic: str = "Sum",
    *,
    label: str = "",
    period: cdk.Duration = MINUTE,
) -> cloudwatch.Metric:
    """A metric of a resource."""
    return cloudwatch.Metric(
        namespace=namespace,
        metric_name=name,
        dimensions_map=dict(dimensions),
        statistic=statistic,
        period=period,
        label=label or None,
    )


def function(name: str, of: str, statistic: str = "Sum", label: str = "") -> cloudwatch.Metric:
    """A metric of a Lambda function."""
    return aws("AWS/Lambda", name, {"FunctionName": of}, statistic, label=label)
