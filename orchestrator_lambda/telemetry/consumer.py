"""The second Lambda of the zip: events out of Kinesis become metrics in CloudWatch.

    batch --read--> events --not seen before--> groups --> EMF lines on standard output --> marks
              `--> poison records --> batchItemFailures --> retried, bisected, dead letters

It does not stop at the first poison record. No event needs the one before it, so the good ones
behind it are counted at once; Lambda hands them over again with the poison record, and their marks
let them pass. If in the end Lambda gives up on the poison record together with its neighbours, they
are in the metrics already.

A store of marks that is down stops nothing: events are counted without it, at worst twice.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from orchestrator_lambda.observability import context as log_context
from orchestrator_lambda.observability.failures import log_failure
from orchestrator_lambda.observability.logs import configure_logging
from orchestrator_lambda.telemetry.emf import emf_lines
from orchestrator_lambda.telemetry.measuring import MINUTE_MS, Group, measure
from orchestrator_lambda.telemetry.records import PoisonRecord, ReadEvent, read_record
from orchestrator_lambda.telemetry.seen import NothingSeen, SeenEvents, dynamo_seen
from orchestrator_lambda.telemetry.settings import ConsumerSettings

log = logging.getLogger(__name__)


def handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    """The function's handler: a batch of Kinesis records in, its poison records out."""
    log_context.begin_invocation(str(getattr(context, "aws_request_id", "")), event)
    return _consumer().consume(event, context)


@cache
def _consumer() -> Consumer:
    settings = ConsumerSettings.from_env()
    configure_logging(settings.log_level)
    return Consumer(
        namespace=settings.namespace,
        seen=dynamo_seen(settings.dedupe_table, settings.dedupe_hours),
    )


def write_lines(lines: Sequence[str]) -> None:
    """Hand lines to CloudWatch Logs, each whole."""
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


@dataclass(frozen=True, kw_only=True)
class Consumer:
    """Counts batches.

    Attributes:
        namespace: of the metrics.
        seen: the marks.
        write: takes lines; they count as written when it returns.
        clock: Unix seconds.
    """

    namespace: str = "Keepwarm"
    seen: SeenEvents = field(default_factory=NothingSeen)
    write: Callable[[Sequence[str]], None] = write_lines
    clock: Callable[[], float] = time.time

    def consume(self, event: Mapping[str, Any], context: Any = None) -> dict[str, Any]:
        """Count one batch; the answer names its poison records.

        Raises:
            ValueError: the event holds no Kinesis records.
        """
        events, answer = _read(event, context)
        distinct = {item.event_id: item for item in events}
        known, degraded = self._known(list(distinct))
        fresh = [item for event_id, item in distinct.items() if event_id not in known]
        own = {
            "records": float(len(events) + _poison(answer)),
            "poison_records": float(_poison(answer)),
            "duplicate_events": float(len(events) - len(fresh)),
            "dedupe_failures": float(degraded),
        }
        self._write(fresh, own)
        self._mark([item.event_id for item in fresh])
        return answer

    def _write(self, fresh: Sequence[ReadEvent], own: dict[str, float]) -> None:
        now_ms = int(self.clock() * 1000)
        group = Group(dimensions=(), minute_ms=now_ms // MINUTE_MS * MINUTE_MS, counts=own)
        self.write(emf_lines([*measure(fresh, now_ms), group], self.namespace))

    def _known(self, event_ids: Sequence[str]) -> tuple[set[str], bool]:
        """Those counted before, and whether that could not be found out."""
        try:
            return self.seen.seen(event_ids), False
        except Exception as error:  # counting twice is better than not at all
            log_failure(log, "marks of events could not be read", error)
            return set(), True

    def _mark(self, event_ids: Sequence[str]) -> None:
        try:
            self.seen.mark(event_ids)
        except Exception as error:  # the lines are out: a retry would only count them again
            log_failure(log, "events could not be marked as counted", error)


def _read(event: Mapping[str, Any], context: Any) -> tuple[list[ReadEvent], dict[str, Any]]:
    """The events of a batch, and the answer that names the other records."""
    from aws_lambda_powertools.utilities.batch import (
        BatchProcessor,
        EventType,
        process_partial_response,
    )

    if not isinstance(event.get("Records"), list):
        raise ValueError("the event holds no Kinesis records")
    events: list[ReadEvent] = []

    def read(record: Any) -> None:
        payload = record.kinesis
        try:
            arrived_s = payload.get("approximateArrivalTimestamp")
            events.append(read_record(payload.get("data"), arrived_s))
        except PoisonRecord as poison:
            number = payload.sequence_number
            log.error("a record is poison", extra={"reason": poison.reason, "record_id": number})
            raise

    # Not raising when all fail: the answer names them, an exception would only hide which.
    processor = BatchProcessor(EventType.KinesisDataStreams, raise_on_entire_batch_failure=False)
    answer = process_partial_response(
        event=dict(event), record_handler=read, processor=processor, context=context
    )
    return events, dict(answer)


def _poison(answer: Mapping[str, Any]) -> int:
    return len(answer["batchItemFailures"])
