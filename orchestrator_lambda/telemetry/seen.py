"""Which events were counted already: marks in a DynamoDB table, gone after a while.

    read the marks --> count what has none --> write the lines --> mark

The mark comes last. A crash before it counts a batch twice; a mark that came first would, after the
same crash, count it never. So every event is counted at least once, and again only if an invocation
died between its lines and its marks, or if it came again after the marks were gone.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

KEY, TTL = "id", "ttl"
READ_KEYS, WRITE_ITEMS = 100, 25  # of one request to DynamoDB
TRIES = 4
FIRST_PAUSE_S = 0.05


class SeenEvents(Protocol):
    """Remembers events. Both methods may raise: then nothing is known, or nothing remembered."""

    def seen(self, event_ids: Sequence[str]) -> set[str]:
        """Those of them that were counted before."""

    def mark(self, event_ids: Sequence[str]) -> None:
        """These are counted now."""


class NothingSeen:
    """Where there is no table: an event that comes in two batches is counted twice."""

    def seen(self, event_ids: Sequence[str]) -> set[str]:
        """See SeenEvents."""
        return set()

    def mark(self, event_ids: Sequence[str]) -> None:
        """See SeenEvents."""


class StillUnprocessed(Exception):
    """DynamoDB took only a part, again and again."""


@dataclass(frozen=True, kw_only=True)
class DynamoSeen:
    """Marks in DynamoDB. A mark that outlives its TTL does no harm: ids are never given twice.

    Attributes:
        client: boto3's.
        table: of `table_definition`.
        seconds: how long a mark is kept.
        clock: Unix seconds.
    """

    client: Any
    table: str
    seconds: int
    clock: Callable[[], float] = time.time
    pause: Callable[[float], None] = time.sleep

    def seen(self, event_ids: Sequence[str]) -> set[str]:
        """See SeenEvents."""
        found: set[str] = set()
        for part in _parts(event_ids, READ_KEYS):
            request = {"Keys": [_key(event_id) for event_id in part], "ConsistentRead": True}
            for answer in self._until_done(self.client.batch_get_item, {self.table: request}):
                items = answer.get("Responses", {}).get(self.table, [])
                found.update(item[KEY]["S"] for item in items)
        return found

    def mark(self, event_ids: Sequence[str]) -> None:
        """See SeenEvents."""
        until = {"N": str(int(self.clock()) + self.seconds)}
        for part in _parts(event_ids, WRITE_ITEMS):
            puts = [{"PutRequest": {"Item": {**_key(name), TTL: until}}} for name in part]
            for _ in self._until_done(self.client.batch_write_item, {self.table: puts}):
                pass

    def _until_done(self, call: Callable[..., Any], request: Mapping[str, Any]) -> Iterator[Any]:
        """Answers until nothing is left unprocessed."""
        for attempt in range(TRIES):
            answer = call(RequestItems=request)
            yield answer
            request = answer.get("UnprocessedKeys") or answer.get("UnprocessedItems") or {}
            if not request:
                return
            self.pause(random.uniform(0, FIRST_PAUSE_S * 2**attempt))  # noqa: S311
        raise StillUnprocessed


def table_definition(name: str) -> dict[str, Any]:
    """Arguments of CreateTable."""
    return {
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": KEY, "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": KEY, "KeyType": "HASH"}],
    }


def time_to_live() -> dict[str, Any]:
    """TimeToLiveSpecification of the table."""
    return {"AttributeName": TTL, "Enabled": True}


def dynamo_seen(table: str, hours: int) -> SeenEvents:
    """Marks in this table; nothing is remembered where its name is empty."""
    if not table:
        return NothingSeen()
    import boto3
    from botocore.config import Config

    config = Config(
        retries={"total_max_attempts": 3, "mode": "standard"}, connect_timeout=1, read_timeout=2
    )
    client = boto3.client("dynamodb", config=config)
    return DynamoSeen(client=client, table=table, seconds=hours * 3600)


def _key(event_id: str) -> dict[str, Any]:
    return {KEY: {"S": event_id}}


def _parts(names: Iterable[str], size: int) -> Iterator[list[str]]:
    unique = list(dict.fromkeys(names))
    for start in range(0, len(unique), size):
        yield unique[start : start + size]
