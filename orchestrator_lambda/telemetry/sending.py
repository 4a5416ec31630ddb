"""Records into Kinesis by PutRecords: in batches, again where one failed, never past a deadline.

    events -> records -> batches --PutRecords--> arrived
                  ^                    |
                  `----- a pause <-----+-- entries with an ErrorCode, throttled and failed calls

One record may fail while its neighbours arrive, so only the failed ones go again. An answer that
never came may have been a success: the record goes again, and readers drop the second by its id.
"""

from __future__ import annotations

import json
import logging
import queue
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from orchestrator_lambda.observability.failures import log_failure
from orchestrator_lambda.telemetry.events import event_key

# PutRecords takes 10 MiB today; a stream takes records over 1 MiB only if it was set to.
MAX_BATCH_RECORDS = 500
MAX_BATCH_BYTES = 5 * 1024 * 1024
MAX_RECORD_BYTES = 1024 * 1024
MAX_KEY_CHARACTERS = 256

CONNECT_TIMEOUT_S, READ_TIMEOUT_S = 1.0, 2.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.05, 1.0
_THROTTLED = frozenset(
    {
        "InternalFailure",
        "InternalFailureException",
        "KMSThrottlingException",
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "ServiceUnavailable",
        "ThrottlingException",
    }
)

Result = TypeVar("Result")
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Record:
    """One event as it is sent; records of a conversation go to one shard."""

    conversation_id: str
    event_id: str
    data: bytes

    @property
    def size(self) -> int:
        """What it counts for against the limits."""
        return len(self.data) + len(self.conversation_id.encode())


def record_of(event: Mapping[str, Any]) -> Record:
    """The record of an event.

    Raises:
        ValueError: it has no id, is not JSON or is too large; `TypeError` likewise.
    """
    conversation_id, event_id = event_key(event)
    text = json.dumps(dict(event), separators=(",", ":"), allow_nan=False)
    record = Record(conversation_id, event_id, text.encode())
    if record.size > MAX_RECORD_BYTES or len(conversation_id) > MAX_KEY_CHARACTERS:
        raise ValueError("the event is too large for a record")
    return record


def batches(records: Sequence[Record]) -> Iterator[list[Record]]:
    """The records in order, in as few requests as the limits allow."""
    batch: list[Record] = []
    size = 0
    for record in records:
        full = len(batch) == MAX_BATCH_RECORDS or size + record.size > MAX_BATCH_BYTES
        if batch and full:
            yield batch
            batch, size = [], 0
        batch.append(record)
        size += record.size
    if batch:
        yield batch


class KinesisSender:
    """Sends records to one stream.

    Args:
        stream: its name.
        client: boto3's; made at the first use if None, since importing boto3 takes long.
        pause: waits for so many seconds.
    """

    def __init__(
        self, stream: str, client: Any = None, pause: Callable[[float], None] = time.sleep
    ) -> None:
        self._stream = stream
        self._client = client
        self._pause = pause
        self._lock = threading.Lock()

    def send(self, records: Sequence[Record], *, deadline: float) -> list[Record]:
        """Those that have arrived by `deadline`, in `time.monotonic`'s seconds.

        An outage ends it at once: whoever has the records tries again later.
        """
        arrived: list[Record] = []
        left = list(records)
        span = FIRST_PAUSE_S
        while left and time.monotonic() < deadline:
            done, left, hopeless = self._round(left, deadline)
            arrived += done
            wait = random.uniform(span / 2, span)  # noqa: S311
            if not left or hopeless or time.monotonic() + wait >= deadline:
                break
            self._pause(wait)
            span = min(2 * span, LONGEST_PAUSE_S)
        return arrived

    def _round(
        self, records: Sequence[Record], deadline: float
    ) -> tuple[list[Record], list[Record], bool]:
        """One request for each batch: what arrived, what is left, and whether it is hopeless."""
        arrived: list[Record] = []
        left: list[Record] = []
        hopeless = False
        for batch in batches(records):
            outcome = None if hopeless else self._put(batch, deadline)
            hopeless = outcome is None
            failed = outcome if outcome is not None else [True] * len(batch)
            arrived += [record for record, bad in zip(batch, failed, strict=True) if not bad]
            left += [record for record, bad in zip(batch, failed, strict=True) if bad]
        return arrived, left, hopeless

    def _put(self, batch: Sequence[Record], deadline: float) -> list[bool] | None:
        """For each record whether it failed; None where asking again now makes no sense."""
        for stale in (True, False):
            seconds = deadline - time.monotonic()
            if seconds <= 0:
                return None
            try:
                return _failed(within(seconds, lambda: self._request(batch)), len(batch))
            except Exception as error:  # every failure of a call means: not known to have arrived
                if _stale(error) and stale:
                    continue  # the frozen environment's connection has died; a new one may live
                log_failure(log, "telemetry could not be sent", error)
                return [True] * len(batch) if _throttled(error) else None
        return None

    def _request(self, batch: Sequence[Record]) -> Any:
        return self._made().put_records(
            StreamName=self._stream,
            Records=[{"Data": item.data, "PartitionKey": item.conversation_id} for item in batch],
        )

    def _made(self) -> Any:
        with self._lock:
            if self._client is None:
                self._client = kinesis_client()
            return self._client


def kinesis_client() -> Any:
    """boto3's client with short time-outs; retries are ours, by record."""
    import boto3
    from botocore.config import Config

    return boto3.client(
        "kinesis",
        config=Config(
            retries={"total_max_attempts": 1},
            connect_timeout=CONNECT_TIMEOUT_S,
            read_timeout=READ_TIMEOUT_S,
        ),
    )


def within(seconds: float, call: Callable[[], Result]) -> Result:
    """What `call` returns or raises, but no later than that.

    A call that is late goes on in its thread, bounded by its own time-outs; nobody hears of it.

    Raises:
        TimeoutError: it was late.
    """
    outcomes: queue.SimpleQueue[tuple[Result | None, BaseException | None]] = queue.SimpleQueue()

    def run() -> None:
        try:
            outcomes.put((call(), None))
        except BaseException as error:
            outcomes.put((None, error))

    threading.Thread(target=run, name="telemetry", daemon=True).start()
    try:
        result, error = outcomes.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError from None
    if error is not None:
        raise error
    return result  # type: ignore[return-value]


def _failed(answer: Mapping[str, Any], count: int) -> list[bool]:
    entries = answer["Records"]
    if len(entries) != count:
        raise ValueError("Kinesis answered for another number of records")
    return [bool(entry.get("ErrorCode")) or not entry.get("SequenceNumber") for entry in entries]


def _throttled(error: Exception) -> bool:
    """Whether the service itself asks for patience."""
    response = getattr(error, "response", None)
    if not isinstance(response, dict):
        return False
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return response.get("Error", {}).get("Code") in _THROTTLED or status >= 500


def _stale(error: Exception) -> bool:
    return type(error).__name__ == "ConnectionClosedError"
