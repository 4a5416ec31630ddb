"""The dashboard's rows: from what a user feels down to what it runs on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from aws_cdk import aws_cloudwatch as cloudwatch

from infrastructure.fleet.names import IN_FLIGHT, KV_OCCUPANCY, SESSIONS
from infrastructure.models.observability import SAGEMAKER
from infrastructure.settings import Stage
from infrastructure.watch.metrics import (
    HOUR,
    Metrics,
    aws,
    fleet,
    function,
    percentiles,
    requests_by,
    share,
    turn,
)
from infrastructure.watch.signals import model_dimensions
from infrastructure.watch.watched import Watched, caches, stream, tables
from orchestrator_lambda.telemetry.cache import CacheClass

WIDTH = 24
HEIGHT = 6

Row = Sequence[cloudwatch.IWidget]

SCRAPED = (
    "vllm:time_to_first_token_seconds_bucket",
    "vllm:inter_token_latency_seconds_bucket",
    "vllm:gpu_cache_usage_perc",
    "vllm:num_requests_running",
    "vllm:num_requests_waiting",
    "keepwarm:cached_prompt_tokens_total",
    "keepwarm:prompt_tokens_total",
    "keepwarm:preemptions_total",
    "keepwarm:sessions_open",
)
"""Of the endpoint's containers, as SageMaker scrapes them: asked for by PromQL."""


def rows(stage: Stage, watched: Watched) -> Iterator[Row]:
    """All rows, from the top."""
    yield _times()
    yield _turns()
    yield _cache_and_cost(stage)
    yield _requests(watched)
    yield _functions(watched)
    yield _stores(stage)
    yield _telemetry(stage, watched)
    yield _endpoint(watched)
    if watched.fleet_group:
        yield _fleet(watched)
    yield [scraped(watched)]


def _times() -> Row:
    parts = [turn(f"{part}_time", "p95", label=part) for part in ("queue", "prefill", "decode")]
    return _row(
        _graph("Time to first token, ms", percentiles("time_to_first_chunk")),
        _graph("Time between tokens, ms", percentiles("inter_token_latency")),
        _graph("Where the time goes, p95, ms", parts),
    )


def _turns() -> Row:
    trouble = [turn(one) for one in ("failed", "truncated", "degraded", "continued", "taken_over")]
    return _row(
        _graph("Turns", [turn("turns_started"), turn("turns")]),
        _graph("Turns in trouble", trouble),
        _graph("Duration of turns, ms", percentiles("turn_duration")),
    )


def _cache_and_cost(stage: Stage) -> Row:
    classes = [turn(f"cache_{one.value}", label=one.value) for one in CacheClass]
    tokens = ("cached_input_tokens", "fresh_input_tokens", "output_tokens")
    hits = share("cached_input_tokens", "input_tokens", period=HOUR)
    return _row(
        _graph(
            "Cached share of the prompts, by the hour", [hits], floor=stage.watch.hit_share_floor
        ),
        _graph("Turns by what the cache did", classes, stacked=True),
        _graph("Tokens", [turn(one) for one in tokens], stacked=True),
        _graph(
            "Estimated cost by the hour, in the price table's currency", [turn("cost", period=HOUR)]
        ),
    )


def _requests(watched: Watched) -> Row:
    api = {"ApiName": watched.api, "Stage": watched.api_stage}
    own = [requests_by(f"{digit}xx") for digit in (2, 4, 5)]
    codes = [aws("AWS/ApiGateway", name, api) for name in ("Count", "4XXError", "5XXError")]
    return _row(
        _graph("API: requests", codes),
        _graph("Orchestrator: requests by status", own),
        _graph("Orchestrator: streams that broke", [requests_by("2xx", "broken_streams")]),
    )


def _functions(watched: Watched) -> Row:
    names = {"chat": watched.function, "sweeper": watched.sweeper, "consumer": watched.consumer}

    def each(metric: str, statistic: str = "Sum") -> Metrics:
        return [function(metric, name, statistic, label) for label, name in names.items()]

    return _row(
        _graph("Lambda: running at once", each("ConcurrentExecutions", "Maximum")),
        _graph("Lambda: duration p95, ms", each("Duration", "p95")),
        _graph("Lambda: throttles", each("Throttles")),
        _graph("Lambda: errors", each("Errors")),
    )


def _stores(stage: Stage) -> Row:
    throttles: Metrics = [
        aws("AWS/DynamoDB", f"{kind}ThrottleEvents", {"TableName": table}, label=f"{table} {kind}")
        for table in tables(stage)
        for kind in ("Read", "Write")
    ]
    nodes = stage.sessions.kind == "nodes"
    load = ("EngineCPUUtilization", "DatabaseMemoryUsagePercentage")
    used = load if nodes else ("ElastiCacheProcessingUnits", "BytesUsedForCache")
    return _row(
        _graph("DynamoDB: throttles", throttles),
        _graph("Redis: CPU and memory" if nodes else "Redis: use", _redis(stage, used, "Average")),
        _graph("Redis: evictions", _redis(stage, ("Evictions",), "Sum")),
    )


def _redis(stage: Stage, names: Sequence[str], statistic: str) -> Metrics:
    return [
        aws(
            "AWS/ElastiCache",
            name,
            dimensions,
            statistic,
            label=f"{next(iter(dimensions.values()))} {name}",
        )
        for dimensions in caches(stage)
        for name in names
    ]


def _telemetry(stage: Stage, watched: Watched) -> Row:
    kinesis = {"StreamName": stream(stage)}
    depth: Metrics = [
        aws(
            "AWS/SQS",
            "ApproximateNumberOfMessagesVisible",
            {"QueueName": queue},
            "Maximum",
            label=holds,
        )
        for holds, queue in watched.dead_letters.items()
    ]
    return _row(
        _graph(
            "Events: age when counted, ms", [function("IteratorAge", watched.consumer, "Maximum")]
        ),
        _graph(
            "Events: taken in and refused",
            [
                aws("AWS/Kinesis", "IncomingRecords", kinesis),
                aws("AWS/Kinesis", "WriteProvisionedThroughputExceeded", kinesis),
            ],
        ),
        _graph(
            "Consumer: records",
            [turn(one) for one in ("records", "poison_records", "duplicate_events")],
        ),
        _graph("Dead letters", depth),
    )


def _endpoint(watched: Watched) -> Row:
    calls = model_dimensions(watched)
    variant = {"EndpointName": watched.endpoint, "VariantName": watched.variant}
    gpus = ("GPUUtilization", "GPUMemoryUtilization")
    answers = ("Invocations", "Invocation4XXErrors", "Invocation5XXErrors")
    return _row(
        _graph("Endpoint: invocations", [aws(SAGEMAKER, one, calls) for one in answers]),
        _graph("Endpoint: latency p95, µs", [aws(SAGEMAKER, "ModelLatency", calls, "p95")]),
        _graph(
            "Endpoint: GPUs, %",
            [aws("/aws/sagemaker/Endpoints", one, variant, "Average") for one in gpus],
        ),
    )


def _fleet(watched: Watched) -> Row:
    group, balancer = watched.fleet_group, {"LoadBalancer": watched.fleet_balancer}
    by_group = {"AutoScalingGroupName": group}
    size = ("GroupDesiredCapacity", "GroupInServiceInstances")
    return _row(
        _graph(
            "Fleet: instances", [aws("AWS/AutoScaling", one, by_group, "Average") for one in size]
        ),
        _graph("Fleet: requests an instance", [fleet(IN_FLIGHT, group)]),
        _graph(
            "Fleet: KV cache in use, sessions", [fleet(KV_OCCUPANCY, group), fleet(SESSIONS, group)]
        ),
        _graph("Fleet: 5xx", [aws("AWS/ApplicationELB", "HTTPCode_Target_5XX_Count", balancer)]),
    )


def scraped(watched: Watched) -> cloudwatch.IWidget:
    """What the endpoint's containers say themselves, which graphs of dashboards do not reach."""
    label = f'"aws.sagemaker.endpoint.name"="{watched.endpoint}"'
    queries = "\n".join(f'{{"{name}", {label}}}' for name in SCRAPED)
    return cloudwatch.TextWidget(
        markdown=(
            "**KV occupancy, sessions and queues of the endpoint's containers** are in SageMaker "
            f"AI Insights, and by PromQL in the query editor:\n```\n{queries}\n```"
        ),
        width=WIDTH,
        height=HEIGHT,
    )


def _row(*graphs: cloudwatch.GraphWidget) -> Row:
    return graphs


def _graph(
    title: str, metrics: Metrics, *, stacked: bool = False, floor: float | None = None
) -> cloudwatch.GraphWidget:
    lines = [] if floor is None else [cloudwatch.HorizontalAnnotation(value=floor, label="floor")]
    return cloudwatch.GraphWidget(
        title=title,
        left=list(metrics),
        left_annotations=lines,
        left_y_axis=cloudwatch.YAxisProps(min=0),
        stacked=stacked,
        width=WIDTH // 4,
        height=HEIGHT,
    )
