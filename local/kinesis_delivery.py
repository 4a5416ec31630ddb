"""One batch and a function: retries, partial answers, bisection, giving up.

    whole batch done                  --> checkpoint behind it
    answer names a record             --> checkpoint before it, the rest goes again
    nothing done, bisect, 2 or more   --> two halves, one after the other
    nothing done otherwise            --> the same again, up to the retries
    retries or age exceeded           --> failure destination, checkpoint behind it

Splitting uses up no retries. Order within the shard is kept throughout.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from local.kinesis_event import (
    AGE_EXCEEDED,
    RETRIES_EXHAUSTED,
    Origin,
    StreamRecord,
    batch_event,
    failure_record,
)

Handler = Callable[[dict[str, Any], Any], Any]
OnFailure = Callable[[dict[str, Any]], None]

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class DeliverySettings:
    """How an event source mapping treats failures; -1 stands for without end, as in Lambda's own.

    Attributes:
        report_failures: ReportBatchItemFailures; without it the answer is not looked at.
        bisect: BisectBatchOnFunctionError.
        max_retries: MaximumRetryAttempts.
        max_age_s: MaximumRecordAgeInSeconds.
        retry_wait_s: wait before the first retry; doubles up to `longest_wait_s`.
        timeout_s: what the function's context says is left of its time.
    """

    report_failures: bool = True
    bisect: bool = True
    max_retries: int = -1
    max_age_s: float = -1
    retry_wait_s: float = 0.2
    longest_wait_s: float = 10.0
    timeout_s: float = 60.0


@dataclass(frozen=True)
class FunctionContext:
    """What a handler gets beside its event."""

    function_name: str
    invoked_function_arn: str
    timeout_s: float = 60.0
    aws_request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    function_version: str = "$LATEST"
    memory_limit_in_mb: int = 256
    started: float = field(default_factory=time.monotonic)

    def get_remaining_time_in_millis(self) -> int:
        """What is left of its time."""
        return max(0, int((self.started + self.timeout_s - time.monotonic()) * 1000))


@dataclass(frozen=True)
class _Part:
    """Neighbouring records, and how often they were tried together."""

    records: Sequence[StreamRecord]
    tries: int = 0


class Delivery:
    """Brings batches of one shard to a function.

    Args:
        handler: the function.
        on_failure: gets the failure record of what is given up.
        checkpoint: told the sequence number up to which all is done.
        stopping: set from outside; what is not done then stays undone.
    """

    def __init__(
        self,
        origin: Origin,
        handler: Handler,
        settings: DeliverySettings,
        *,
        on_failure: OnFailure,
        checkpoint: Callable[[str], None],
        stopping: threading.Event,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._origin = origin
        self._handler = handler
        self._settings = settings
        self._on_failure = on_failure
        self._checkpoint = checkpoint
        self._stopping = stopping
        self._clock = clock

    def deliver(self, records: Sequence[StreamRecord]) -> bool:
        """See one batch through; False if it was stopped on the way."""
        parts = [_Part(records)]  # the last one is next
        while parts:
            if self._stopping.is_set():
                return False
            part = self._young(parts.pop())
            if part is not None:
                parts += self._attempt(part)
        return True

    def _attempt(self, part: _Part) -> list[_Part]:
        """Call the function once; what is left to do, the next part last."""
        done, raised = self._invoke(part.records)
        if done:
            self._checkpoint(part.records[done - 1].sequence_number)
            rest = part.records[done:]
            return [_Part(rest)] if rest else []
        if self._settings.bisect and len(part.records) > 1:
            middle = len(part.records) // 2
            halves = part.records[:middle], part.records[middle:]
            return [replace(part, records=half) for half in reversed(halves)]
        tried = replace(part, tries=part.tries + 1)
        if 0 <= self._settings.max_retries < tried.tries:
            self._give_up(tried, RETRIES_EXHAUSTED, raised)
            return []
        self._stopping.wait(self._wait(part.tries))
        return [tried]

    def _invoke(self, records: Sequence[StreamRecord]) -> tuple[int, bool]:
        """How many records, from the first on, are done; and whether the function raised."""
        arn = self._origin.function_arn
        context = FunctionContext(self._origin.function, arn, self._settings.timeout_s)
        try:
            answer = self._handler(batch_event(self._origin, records), context)
        except Exception as error:  # whatever a function raises is a failed invocation
            log.warning("%s raised %s", self._origin.function, type(error).__name__)
            return 0, True
        done = self._done(answer, records) if self._settings.report_failures else len(records)
        return done, False

    def _done(self, answer: Any, records: Sequence[StreamRecord]) -> int:
        """Records before the first that failed; none where the answer makes no sense."""
        if answer is None:
            return len(records)
        if not isinstance(answer, Mapping):
            return 0
        failures = answer.get("batchItemFailures")
        if not failures:
            return len(records)
        places = {record.sequence_number: place for place, record in enumerate(records)}
        failed = [_identifier(failure) for failure in failures]
        return min((places.get(name, 0) for name in failed), default=0)

    def _young(self, part: _Part) -> _Part | None:
        """The part without records that are too old; those are given up."""
        limit = self._settings.max_age_s
        if limit < 0:
            return part
        oldest = self._clock() - limit
        records = list(part.records)
        aged = [record for record in records if record.arrived_s < oldest]
        if not aged:
            return part
        count = records.index(aged[-1]) + 1
        self._give_up(replace(part, records=records[:count]), AGE_EXCEEDED, raised=False)
        return replace(part, records=records[count:]) if count < len(records) else None

    def _give_up(self, part: _Part, condition: str, raised: bool) -> None:
        """Write down where the records are, and go on behind them."""
        self._on_failure(
            failure_record(
                self._origin,
                part.records,
                condition=condition,
                invocations=part.tries,
                raised=raised,
            )
        )
        self._checkpoint(part.records[-1].sequence_number)

    def _wait(self, tries: int) -> float:
        return min(
            self._settings.longest_wait_s, self._settings.retry_wait_s * 2.0 ** min(tries, 16)
        )


def _identifier(failure: Any) -> str:
    name = failure.get("itemIdentifier") if isinstance(failure, Mapping) else None
    return name if isinstance(name, str) else ""
