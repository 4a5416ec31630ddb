"""The data boxes as the cloud gets them, for the stand-ins on one machine: read, not written, here.

    data/*.py --CDK--> template --snapshot.py--> templates/data.json --> tables, stream, ...

Needs no CDK. The snapshot is reviewed like code; a test makes it anew and compares.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

SNAPSHOT = Path(__file__).parent / "templates" / "data.json"


@dataclass(frozen=True, kw_only=True)
class TableDefinition:
    """A DynamoDB table.

    Attributes:
        create: arguments of CreateTable.
        time_to_live: TimeToLiveSpecification.
    """

    create: Mapping[str, Any]
    time_to_live: Mapping[str, Any]

    @property
    def name(self) -> str:
        """What it is called."""
        return str(self.create["TableName"])


@dataclass(frozen=True, kw_only=True)
class StreamDefinition:
    """A Kinesis stream.

    Attributes:
        create: arguments of CreateStream.
        retention_hours: how long records are kept.
    """

    create: Mapping[str, Any]
    retention_hours: int

    @property
    def name(self) -> str:
        """What it is called."""
        return str(self.create["StreamName"])


@dataclass(frozen=True, kw_only=True)
class Definitions:
    """Everything that the functions keep something in.

    Attributes:
        table: conversations.
        marks: events that were counted.
        bucket: name of the bucket of long texts.
        stream: telemetry.
        redis: parameters of the session store.
    """

    table: TableDefinition
    marks: TableDefinition
    bucket: str
    stream: StreamDefinition
    redis: Mapping[str, str]


@cache
def definitions() -> Definitions:
    """What the snapshot says."""
    return from_resources(json.loads(SNAPSHOT.read_text(encoding="utf-8")))


def from_resources(resources: Mapping[str, Any]) -> Definitions:
    """Definitions out of a template's resources."""
    # The conversations are the table with a stream; marks wake nobody.
    tables = [_table(one) for one in _of(resources, "AWS::DynamoDB::Table")]
    table, marks = sorted(tables, key=lambda one: "StreamSpecification" not in one.create)
    (bucket,) = _of(resources, "AWS::S3::Bucket")
    (stream,) = _of(resources, "AWS::Kinesis::Stream")
    (parameters,) = _of(resources, "AWS::ElastiCache::ParameterGroup")
    return Definitions(
        table=table,
        marks=marks,
        bucket=bucket["BucketName"],
        stream=_stream(stream),
        redis=parameters["Properties"],
    )


def _of(resources: Mapping[str, Any], kind: str) -> Iterator[dict[str, Any]]:
    for resource in resources.values():
        if resource["Type"] == kind:
            yield dict(resource["Properties"])


def _table(properties: dict[str, Any]) -> TableDefinition:
    """The API's words: it wants to be told that a stream is on, and the TTL apart."""
    time_to_live = properties.pop("TimeToLiveSpecification")
    if "StreamSpecification" in properties:
        properties["StreamSpecification"] = {
            "StreamEnabled": True,
            **properties["StreamSpecification"],
        }
    return TableDefinition(create=properties, time_to_live=time_to_live)


def _stream(properties: dict[str, Any]) -> StreamDefinition:
    hours = int(properties.pop("RetentionPeriodHours"))
    create = {"StreamName": properties.pop("Name"), **properties}
    return StreamDefinition(create=create, retention_hours=hours)
