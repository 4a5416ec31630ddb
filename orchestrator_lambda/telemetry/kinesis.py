"""Telemetry into Kinesis: events wait in memory and leave between two invocations."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from orchestrator_lambda.observability.failures import log_failure
from orchestrator_lambda.telemetry.events import event_key
from orchestrator_lambda.telemetry.sending import KinesisSender, Record, record_of
from orchestrator_lambda.telemetry.settings import TelemetrySettings

MAX_QUEUE_BYTES = 8 * 1024 * 1024

log = logging.getLogger(__name__)


class KinesisTelemetry:
    """Obeys Telemetry and Sender. Safe to use from several threads.

    The queue is bounded: what finds no place is dropped here and comes back from the outbox. What a
    flush could not send stays queued for the next one, as far as there is place. So an event may be
    sent twice, by a flush and by the sweeper; readers drop the second.

    Args:
        stream: name of the stream.
        client: boto3's; made at the first use if None.
        max_events: bound of the queue; its bytes are bounded too.
    """

    def __init__(
        self,
        stream: str,
        *,
        client: Any = None,
        max_events: int = 1000,
        sender: KinesisSender | None = None,
    ) -> None:
        self._sender = sender or KinesisSender(stream, client)
        self._max_events = max_events
        self._queue: deque[Record] = deque()
        self._bytes = 0
        self._dropped = 0
        self._lock = threading.Lock()

    def emit(self, event: Mapping[str, Any]) -> None:
        """See Telemetry."""
        record = _record(event)
        with self._lock:
            if record is None or not self._fits(record):
                self._dropped += 1
                return
            self._queue.append(record)
            self._bytes += record.size

    def flush(self, *, deadline_ms: int) -> Sequence[tuple[str, str]]:
        """See Telemetry. Never raises."""
        records, dropped = self._take()
        if dropped:
            log.warning("%d events had no place in the queue; the outbox has them", dropped)
        arrived = self._sent(records, deadline_ms)
        known = {id(record) for record in arrived}
        self._put_back(record for record in records if id(record) not in known)
        return [(record.conversation_id, record.event_id) for record in arrived]

    def send(
        self, events: Sequence[Mapping[str, Any]], *, deadline_ms: int
    ) -> Sequence[tuple[str, str]]:
        """See Sender."""
        records = [record for event in events if (record := _record(event)) is not None]
        arrived = self._sent(records, deadline_ms)
        return [(record.conversation_id, record.event_id) for record in arrived]

    def _sent(self, records: Sequence[Record], deadline_ms: int) -> list[Record]:
        if not records:
            return []
        started = time.monotonic()
        try:
            arrived = self._sender.send(records, deadline=started + deadline_ms / 1000)
        except Exception as error:  # telemetry fails no turn; the outbox has the events
            log_failure(log, "telemetry failed in an unknown way", error)
            return []
        if len(arrived) < len(records):
            log.warning("%d of %d events were not sent", len(records) - len(arrived), len(records))
        return arrived

    def _take(self) -> tuple[list[Record], int]:
        with self._lock:
            records, dropped = list(self._queue), self._dropped
            self._queue.clear()
            self._bytes = self._dropped = 0
        return records, dropped

    def _put_back(self, records: Iterable[Record]) -> None:
        """Before whatever came meanwhile, the oldest first."""
        with self._lock:
            kept: list[Record] = []
            for record in records:
                if len(kept) + len(self._queue) < self._max_events and self._fits(record):
                    kept.append(record)
                    self._bytes += record.size
                else:
                    self._dropped += 1
            self._queue.extendleft(reversed(kept))

    def _fits(self, record: Record) -> bool:
        return len(self._queue) < self._max_events and self._bytes + record.size <= MAX_QUEUE_BYTES


class NoTelemetry:
    """Where no stream is set. Obeys Telemetry and Sender.

    Every event counts as arrived: nobody waits for it, so it must not stay in its outbox, where the
    sweeper would find it again for ever. A stream that is set later gets what happens from then on.
    """

    def __init__(self, max_events: int = 1000) -> None:
        self._queue: deque[tuple[str, str]] = deque(maxlen=max_events)

    def emit(self, event: Mapping[str, Any]) -> None:
        """See Telemetry."""
        self._queue.extend(_keys([event]))

    def flush(self, *, deadline_ms: int) -> Sequence[tuple[str, str]]:
        """See Telemetry."""
        return [self._queue.popleft() for _ in range(len(self._queue))]

    def send(
        self, events: Sequence[Mapping[str, Any]], *, deadline_ms: int
    ) -> Sequence[tuple[str, str]]:
        """See Sender."""
        return _keys(events)


def make_telemetry(settings: TelemetrySettings) -> KinesisTelemetry | NoTelemetry:
    """What the settings ask for; Kinesis is not spoken to yet."""
    if not settings.stream:
        return NoTelemetry()
    return KinesisTelemetry(settings.stream, max_events=settings.queue_events)


def _record(event: Mapping[str, Any]) -> Record | None:
    try:
        return record_of(event)
    except (TypeError, ValueError, RecursionError) as error:
        log_failure(log, "an event of ours cannot be sent", error)
        return None


def _keys(events: Iterable[Mapping[str, Any]]) -> list[tuple[str, str]]:
    keys = []
    for event in events:
        try:
            keys.append(event_key(event))
        except ValueError as error:
            log_failure(log, "an event of ours has no id", error)
    return keys
