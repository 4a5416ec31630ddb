"""The alarms as plain records: what is measured, when it rings, what silence means."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch

from infrastructure.models.observability import ERRORS, SAGEMAKER
from infrastructure.settings import Stage
from infrastructure.watch.metrics import FIVE_MINUTES, HOUR, aws, function, share, turn
from infrastructure.watch.watched import Watched, caches, tables

QUIET = cloudwatch.TreatMissingData.NOT_BREACHING
WRONG = cloudwatch.TreatMissingData.BREACHING

ENOUGH_TOKENS = 50_000
"""Prompt tokens in an hour below which the cached share says more of who came than of the cache."""

ENOUGH_TURNS = 20
"""Turns in five minutes below which one turn is too large a share."""

ERRORS_A_MINUTE = 5
SWEEPS_MISSED = 5


@dataclass(frozen=True, kw_only=True)
class Signal:
    """One alarm.

    Attributes:
        name: the last part of its name.
        metric: what is measured.
        limit: it rings above that; below it where `below` is set.
        periods, points: it rings when `points` of the last `periods` are beyond the limit.
        silence: what no data means.
        silence_why: why it means that.
        about: what is wrong then, for the one who is woken.
    """

    name: str
    metric: cloudwatch.IMetric
    limit: float
    about: str
    silence_why: str
    below: bool = False
    periods: int = 1
    points: int = 1
    silence: cloudwatch.TreatMissingData = QUIET


def signals(stage: Stage, watched: Watched) -> list[Signal]:
    """All of a stage."""
    return [
        *_answers(stage),
        *_cache(stage),
        *_doors(watched),
        *_stores(stage),
        *_telemetry(stage, watched),
        *_model(watched),
    ]


def _answers(stage: Stage) -> Iterator[Signal]:
    watch = stage.watch
    yield Signal(
        name="first-token",
        metric=turn("time_to_first_chunk", "p95"),
        limit=watch.ttft_p95_ms,
        periods=5,
        points=3,
        about="p95 until the first token is above watch.ttft_p95_ms",
        silence_why="no turn ended, so nobody waited for a first token",
    )
    yield Signal(
        name="truncated",
        metric=turn("truncated", period=HOUR),
        limit=watch.truncated_per_hour,
        about="answers broke off after they had begun, more than watch.truncated_per_hour",
        silence_why="no turn ended, so none was cut short",
    )
    yield Signal(
        name="degraded",
        metric=share("degraded", "turns", period=FIVE_MINUTES, enough=ENOUGH_TURNS),
        limit=watch.degraded_share,
        periods=3,
        points=2,
        about="turns ran without Redis, a larger share than watch.degraded_share",
        silence_why="no turn ended; with few of them the share counts as none",
    )


def _cache(stage: Stage) -> Iterator[Signal]:
    yield Signal(
        name="cache-hits",
        metric=share(
            "cached_input_tokens", "input_tokens", period=HOUR, enough=ENOUGH_TOKENS, else_=1
        ),
        limit=stage.watch.hit_share_floor,
        below=True,
        periods=2,
        points=2,
        about="prompts are computed anew: the cached share is below watch.hit_share_floor",
        silence_why="no prompt was computed; of few the share counts as whole",
    )


def _doors(watched: Watched) -> Iterator[Signal]:
    """The API and the functions behind it."""
    api = {"ApiName": watched.api, "Stage": watched.api_stage}
    yield Signal(
        name="api-errors",
        metric=aws("AWS/ApiGateway", "5XXError", api),
        limit=ERRORS_A_MINUTE,
        periods=3,
        points=2,
        about="the API answers with 5xx",
        silence_why="API Gateway reports nothing where nobody calls",
    )
    for name in (watched.function, watched.consumer):
        which = "chat" if name == watched.function else "consumer"
        yield Signal(
            name=f"{which}-throttles",
            metric=function("Throttles", name),
            limit=0,
            periods=5,
            points=2,
            about=f"Lambda refuses to start more of the {which} function: raise its concurrency",
            silence_why="Lambda reports nothing where nothing is called",
        )


def _stores(stage: Stage) -> Iterator[Signal]:
    history, marks = tables(stage)
    for which, table in (("history", history), ("marks", marks)):
        for kind in ("Read", "Write"):
            yield Signal(
                name=f"{which}-{kind.lower()}-throttles",
                metric=aws("AWS/DynamoDB", f"{kind}ThrottleEvents", {"TableName": table}),
                limit=0,
                periods=5,
                points=3,
                about=f"DynamoDB throttles {kind.lower()}s of {which}",
                silence_why="DynamoDB reports throttling only where there is some",
            )
    for number, dimensions in enumerate(caches(stage), start=1):
        yield Signal(
            name=f"sessions-{number}-evictions",
            metric=aws("AWS/ElastiCache", "Evictions", dimensions),
            limit=0,
            about="Redis throws out locks or streams that are in use: take a larger node",
            silence_why="a node that is away is told by the degraded alarm",
        )


def _telemetry(stage: Stage, watched: Watched) -> Iterator[Signal]:
    yield Signal(
        name="iterator-age",
        metric=function("IteratorAge", watched.consumer, "Maximum"),
        limit=stage.watch.iterator_age_ms,
        periods=5,
        points=3,
        about="the consumer is behind by more than watch.iterator_age_ms",
        silence_why="without events there is nothing to be behind of",
    )
    for holds, queue in watched.dead_letters.items():
        yield Signal(
            name=f"dead-{holds}",
            metric=aws(
                "AWS/SQS",
                "ApproximateNumberOfMessagesVisible",
                {"QueueName": queue},
                "Maximum",
            ),
            limit=0,
            about=f"{holds} were given up after all retries and wait for a person",
            silence_why="SQS stops reporting queues that have long been empty",
        )
    window = cdk.Duration.minutes(max(5, SWEEPS_MISSED * stage.function.sweep_minutes))
    runs = aws("AWS/Lambda", "Invocations", {"FunctionName": watched.sweeper}, period=window)
    yield Signal(
        name="sweeper-silent",
        metric=runs,
        limit=1,
        below=True,
        silence=WRONG,
        about="the sweeper does not run: dead turns stay open, events stay in outboxes",
        silence_why="a schedule that calls nobody reports nothing, which is what is looked for",
    )
    yield Signal(
        name="sweeper-errors",
        metric=function("Errors", watched.sweeper),
        limit=0,
        periods=5,
        points=3,
        about="the sweeper fails again and again",
        silence_why="the alarm before this one tells when it does not run at all",
    )


def _model(watched: Watched) -> Iterator[Signal]:
    yield Signal(
        name="model-errors",
        metric=aws(SAGEMAKER, ERRORS, model_dimensions(watched)),
        limit=ERRORS_A_MINUTE,
        periods=3,
        points=2,
        about="the model's containers answer with 5xx",
        silence_why="SageMaker reports nothing where nothing is asked",
    )
    if watched.fleet_balancer:
        yield Signal(
            name="fleet-errors",
            metric=aws(
                "AWS/ApplicationELB",
                "HTTPCode_Target_5XX_Count",
                {"LoadBalancer": watched.fleet_balancer},
            ),
            limit=ERRORS_A_MINUTE,
            periods=3,
            points=2,
            about="the fleet's containers answer with 5xx",
            silence_why="balancers report counts only where there is something to count",
        )


def model_dimensions(watched: Watched) -> dict[str, str]:
    """Invocations are counted by component where there is one, else by variant."""
    if watched.component:
        return {"InferenceComponentName": watched.component}
    return {"EndpointName": watched.endpoint, "VariantName": watched.variant}
