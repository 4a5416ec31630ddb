"""What a Kinesis event source hands to a function, and what it writes down when it gives up."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

ACCOUNT = "000000000000"
RETRIES_EXHAUSTED = "RetryAttemptsExhausted"
AGE_EXCEEDED = "RecordAgeExceeded"


@dataclass(frozen=True, kw_only=True)
class StreamRecord:
    """A record as it lies in a shard; `arrived_s` are Unix seconds."""

    sequence_number: str
    partition_key: str
    data: bytes
    arrived_s: float


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where records come from and whom they are for."""

    stream: str
    shard: str
    function: str
    region: str

    @property
    def stream_arn(self) -> str:
        """The stream's name for AWS."""
        return f"arn:aws:kinesis:{self.region}:{ACCOUNT}:stream/{self.stream}"

    @property
    def function_arn(self) -> str:
        """The function's name for AWS."""
        return f"arn:aws:lambda:{self.region}:{ACCOUNT}:function:{self.function}"


def batch_event(origin: Origin, records: Sequence[StreamRecord]) -> dict[str, Any]:
    """The event of one batch."""
    return {"Records": [_record(origin, record) for record in records]}


def failure_record(
    origin: Origin,
    records: Sequence[StreamRecord],
    *,
    condition: str,
    invocations: int,
    raised: bool,
) -> dict[str, Any]:
    """What goes to the destination for failures: where the records are, not the records.

    Args:
        origin: where they come from.
        records: what was given up, in order.
        condition: RETRIES_EXHAUSTED or AGE_EXCEEDED.
        invocations: how often the function was called with them; with 0 there is no response.
        raised: whether it raised, instead of naming records that failed.
    """
    first, last = records[0], records[-1]
    response = {
        "statusCode": 200,
        "executedVersion": "$LATEST",
        "functionError": "Unhandled" if raised else None,
    }
    return {
        "requestContext": {
            "requestId": str(uuid.uuid4()),
            "functionArn": origin.function_arn,
            "condition": condition,
            "approximateInvokeCount": invocations,
        },
        **({"responseContext": response} if invocations else {}),
        "version": "1.0",
        "timestamp": _iso(datetime.now(UTC).timestamp()),
        "KinesisBatchInfo": {
            "shardId": origin.shard,
            "startSequenceNumber": first.sequence_number,
            "endSequenceNumber": last.sequence_number,
            "approximateArrivalOfFirstRecord": _iso(first.arrived_s),
            "approximateArrivalOfLastRecord": _iso(last.arrived_s),
            "batchSize": len(records),
            "streamArn": origin.stream_arn,
        },
    }


def _record(origin: Origin, record: StreamRecord) -> dict[str, Any]:
    return {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": record.partition_key,
            "sequenceNumber": record.sequence_number,
            "data": base64.b64encode(record.data).decode(),
            "approximateArrivalTimestamp": record.arrived_s,
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"{origin.shard}:{record.sequence_number}",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": f"arn:aws:iam::{ACCOUNT}:role/{origin.function}",
        "awsRegion": origin.region,
        "eventSourceARN": origin.stream_arn,
    }


def _iso(seconds: float) -> str:
    moment = datetime.fromtimestamp(seconds, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"
