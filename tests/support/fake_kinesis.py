"""Kinesis as its sender sees it, with faults by script, in front of nothing or of a real stream."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

Fault = Exception | set[int] | Callable[[], None]


class FakeKinesis:
    """`put_records` with a fault for each call: an exception, or the places that are refused.

    Args:
        real: client that gets the records that are taken.
    """

    def __init__(self, *faults: Fault | None, real: Any = None) -> None:
        self.faults = list(faults)
        self.calls: list[list[dict[str, Any]]] = []
        self.taken: list[dict[str, Any]] = []
        self._real = real
        self._lock = threading.Lock()

    def put_records(self, *, StreamName: str, Records: list[dict[str, Any]]) -> dict[str, Any]:
        with self._lock:
            self.calls.append(Records)
            fault = self.faults.pop(0) if self.faults else None
        if isinstance(fault, Exception):
            raise fault
        if callable(fault):
            fault()
        refused = fault if isinstance(fault, set) else set()
        taken = [record for place, record in enumerate(Records) if place not in refused]
        self.taken += taken
        if self._real is not None and taken:
            self._real.put_records(StreamName=StreamName, Records=taken)
        return {
            "FailedRecordCount": len(refused),
            "Records": [
                {"ErrorCode": "ProvisionedThroughputExceededException", "ErrorMessage": "slow"}
                if place in refused
                else {"SequenceNumber": str(place), "ShardId": "shardId-0"}
                for place in range(len(Records))
            ],
        }

    def ids(self) -> list[str]:
        """Ids of the events taken, in order."""
        return [json.loads(record["Data"])["event_id"] for record in self.taken]


def client_error(code: str, status: int = 400) -> ClientError:
    return ClientError(
        {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, "PutRecords"
    )
