"""What is watched is there: alarms and graphs name resources of the stage, each of its kind."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.edge import Edge, Edges

STAGES = ("dev", "prod")
ALARM = "AWS::CloudWatch::Alarm"


@pytest.mark.parametrize("stage", STAGES)
def test_every_dead_letter_queue_has_an_alarm(edges: Edges, stage: str):
    edge = edges(stage)
    queues = len(list(edge.resources("AWS::SQS::Queue")))
    assert queues > 0
    assert len(_watched(edge, "QueueName")) == queues


@pytest.mark.parametrize("stage", STAGES)
def test_every_table_has_alarms(edges: Edges, stage: str):
    edge = edges(stage)
    tables = {one.properties["TableName"] for one in edge.resources("AWS::DynamoDB::Table")}
    tables |= {one.properties["TableName"] for one in edge.resources("AWS::DynamoDB::GlobalTable")}
    assert _watched(edge, "TableName") == tables


def test_every_node_of_the_session_store_has_an_alarm(edges: Edges):
    edge = edges("prod")
    (store,) = edge.resources("AWS::ElastiCache::ReplicationGroup")
    name = store.properties["ReplicationGroupId"]
    nodes = 1 + store.properties["ReplicasPerNodeGroup"]
    assert _watched(edge, "CacheClusterId") == {f"{name}-{n:03d}" for n in range(1, nodes + 1)}


@pytest.mark.parametrize("stage", STAGES)
def test_three_functions_are_watched(edges: Edges, stage: str):
    assert len(_watched(edges(stage), "FunctionName")) == 3


def test_the_endpoint_is_watched_by_its_component_where_there_is_one(edges: Edges):
    assert _watched(edges("dev"), "InferenceComponentName") == {"keepwarm-dev-main"}
    assert _watched(edges("prod"), "EndpointName") == {"keepwarm-prod"}


@pytest.mark.parametrize("stage", STAGES)
def test_every_alarm_of_the_watch_reaches_the_topic(edges: Edges, stage: str):
    edge = edges(stage)
    assert len(list(edge.resources("AWS::SNS::Topic"))) == 1
    alarms = [one for one in edge.resources(ALARM) if one.path.startswith("watch/")]
    assert len(alarms) > 15
    assert all(one.properties["AlarmActions"] for one in alarms)


def _watched(edge: Edge, dimension: str) -> set[str]:
    """What that dimension is in all alarms; a reference stands as its text."""
    found = set()
    for alarm in edge.resources(ALARM):
        stats = [one["MetricStat"]["Metric"] for one in _queries(alarm.properties)]
        for metric in stats or [alarm.properties]:
            for one in metric.get("Dimensions", []):
                if one["Name"] == dimension:
                    found.add(one["Value"] if isinstance(one["Value"], str) else str(one["Value"]))
    return found


def _queries(alarm: Any) -> list[Any]:
    return [one for one in alarm.get("Metrics", []) if "MetricStat" in one]
