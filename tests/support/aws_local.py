"""DynamoDB, Kinesis, S3 and CloudWatch for tests: one emulator for all tests of a process."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local.ministack import REGION, client, ministack

MAX_NAME = 63  # of a bucket, the shortest of the limits


@dataclass
class AwsLocal:
    """The emulator's clients, and names that no other test uses."""

    endpoint_url: str
    region: str = REGION
    _clients: dict[str, Any] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        """A boto3 client, made once: dynamodb, kinesis, s3, cloudwatch, sqs."""
        if service not in self._clients:
            self._clients[service] = client(service, self.endpoint_url)
        return self._clients[service]

    def unique(self, prefix: str) -> str:
        """A fresh name for a table, stream or bucket."""
        suffix = uuid.uuid4().hex[:12]
        stem = re.sub(r"[^a-z0-9-]+", "-", prefix.lower()).strip("-") or "test"
        return f"{stem[: MAX_NAME - len(suffix) - 1]}-{suffix}"

    def table(self, definition: dict[str, Any]) -> str:
        """Create a table by arguments of CreateTable, under a fresh name; that name."""
        name = self.unique(definition["TableName"])
        self.client("dynamodb").create_table(**{**definition, "TableName": name})
        return name

    def bucket(self, prefix: str = "bucket") -> str:
        """Create an empty bucket; its name."""
        name = self.unique(prefix)
        self.client("s3").create_bucket(Bucket=name)
        return name

    def stream(self, shards: int = 1, prefix: str = "stream") -> str:
        """Create a stream; its name."""
        name = self.unique(prefix)
        self.client("kinesis").create_stream(StreamName=name, ShardCount=shards)
        return name

    def records(self, stream: str) -> list[bytes]:
        """Data of all records of a stream, shard by shard, in order within each."""
        kinesis = self.client("kinesis")
        found: list[bytes] = []
        for shard in kinesis.list_shards(StreamName=stream)["Shards"]:
            iterator = kinesis.get_shard_iterator(
                StreamName=stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
            )["ShardIterator"]
            while True:
                page = kinesis.get_records(ShardIterator=iterator)
                found += [record["Data"] for record in page["Records"]]
                if not page["Records"]:
                    break
                iterator = page["NextShardIterator"]
        return found


@contextmanager
def aws_local(log: Path | None = None) -> Iterator[AwsLocal]:
    """The emulator while the block runs."""
    with ministack(log=log) as url:
        yield AwsLocal(url)
