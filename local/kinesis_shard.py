"""One shard of a stream, read in order and from the checkpoint on."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from local.kinesis_delivery import Delivery, DeliverySettings
from local.kinesis_event import StreamRecord

MAX_PAYLOAD = 6 * 1024 * 1024  # of an invocation
RECORD_OVERHEAD = 700  # of a record's JSON beside its data

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class SourceSettings:
    """An event source mapping.

    Attributes:
        batch_size: most records of a call.
        window_s: how long to wait for a batch to fill.
        latest: begin with what comes from now on; otherwise with what is there already.
        poll_s: pause between two looks at an empty shard.
        discover_s: pause between two looks for new shards.
    """

    stream: str
    function: str = "keepwarm-telemetry"
    region: str = "us-east-1"
    batch_size: int = 100
    window_s: float = 0.0
    latest: bool = False
    poll_s: float = 0.2
    discover_s: float = 2.0
    delivery: DeliverySettings = field(default_factory=DeliverySettings)

    def __post_init__(self) -> None:
        if not 1 <= self.batch_size <= 10_000:
            raise ValueError(f"batch_size={self.batch_size} must be in [1, 10000]")
        if not 0 <= self.window_s <= 300:
            raise ValueError(f"window_s={self.window_s} must be in [0, 300]")


@dataclass
class Place:
    """Where to read a shard on: behind the checkpoint, or where the mapping begins."""

    client: Any
    settings: SourceSettings
    shard: str
    checkpoint: Callable[[], str | None]
    began: datetime
    iterator: str | None = None

    def read(self, limit: int) -> tuple[list[StreamRecord], bool]:
        """Some records, and whether the shard is closed and at its end.

        Raises:
            BotoCoreError, ClientError: not now.
        """
        if self.iterator is None:
            self.iterator = self._fresh_iterator()
        page = self.client.get_records(ShardIterator=self.iterator, Limit=limit)
        self.iterator = page.get("NextShardIterator")
        return [_record(raw) for raw in page["Records"]], self.iterator is None

    def rewind(self) -> None:
        """Read on from the checkpoint the next time."""
        self.iterator = None

    def _fresh_iterator(self) -> str:
        start: dict[str, Any] = {"ShardIteratorType": "TRIM_HORIZON"}
        if (number := self.checkpoint()) is not None:
            start = {
                "ShardIteratorType": "AFTER_SEQUENCE_NUMBER",
                "StartingSequenceNumber": number,
            }
        elif self.settings.latest:
            # By time and not LATEST: an iterator that is made anew must skip nothing.
            start = {"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": self.began}
        answer = self.client.get_shard_iterator(
            StreamName=self.settings.stream, ShardId=self.shard, **start
        )
        return str(answer["ShardIterator"])


class ShardReader:
    """Reads one shard in a thread of its own until it is stopped or the shard has ended."""

    def __init__(
        self,
        place: Place,
        delivery: Delivery,
        settings: SourceSettings,
        stopping: threading.Event,
    ) -> None:
        self.finished = False
        self.thread = threading.Thread(target=self._run, name=place.shard, daemon=True)
        self._place = place
        self._delivery = delivery
        self._settings = settings
        self._stopping = stopping
        self._ended = False

    def _run(self) -> None:
        while not self._stopping.is_set() and not self.finished:
            try:
                self._turn()
            except ClientError as error:
                self._after(error)
            except Exception as error:  # whatever it is, reading goes on from the checkpoint
                log.warning("shard %s: %s", self._place.shard, type(error).__name__)
                self._place.rewind()
                self._stopping.wait(self._settings.poll_s)

    def _turn(self) -> None:
        batch = self._gather()
        for part in payloads(batch):
            if not self._delivery.deliver(part):
                return
        self.finished = self._ended
        if not batch:
            self._stopping.wait(self._settings.poll_s)

    def _gather(self) -> list[StreamRecord]:
        """A batch: full, or what came within the window after its first record."""
        batch: list[StreamRecord] = []
        until: float | None = None
        while not self._stopping.is_set():
            records, self._ended = self._place.read(self._settings.batch_size - len(batch))
            batch += records
            if batch and until is None:
                until = time.monotonic() + self._settings.window_s
            full = len(batch) >= self._settings.batch_size
            if self._ended or full or until is None or time.monotonic() >= until:
                break
            self._stopping.wait(min(self._settings.poll_s, until - time.monotonic()))
        return batch

    def _after(self, error: ClientError) -> None:
        """A shard that is gone is done; anything else is tried again from the checkpoint."""
        code = error.response.get("Error", {}).get("Code", "")
        self._place.rewind()
        if code == "ResourceNotFoundException":
            self.finished = True
            return
        if code != "ExpiredIteratorException":
            log.warning("shard %s could not be read: %s", self._place.shard, code)
            self._stopping.wait(self._settings.poll_s)


def payloads(records: Sequence[StreamRecord]) -> list[list[StreamRecord]]:
    """The records in batches that an invocation can carry."""
    parts: list[list[StreamRecord]] = []
    size = MAX_PAYLOAD
    for record in records:
        needed = len(record.data) * 4 // 3 + RECORD_OVERHEAD + len(record.partition_key)
        if size + needed > MAX_PAYLOAD:
            parts.append([])
            size = 0
        parts[-1].append(record)
        size += needed
    return parts


def _record(raw: dict[str, Any]) -> StreamRecord:
    return StreamRecord(
        sequence_number=raw["SequenceNumber"],
        partition_key=raw["PartitionKey"],
        data=raw["Data"],
        arrived_s=raw["ApproximateArrivalTimestamp"].timestamp(),
    )
