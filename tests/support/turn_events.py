"""Events of turns, for tests."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterable, Mapping
from typing import Any

from orchestrator_lambda.telemetry.events import turn_ended, turn_started

RECEIPT = {
    "prompt_tokens": 120,
    "cached_tokens": 96,
    "completion_tokens": 11,
    "backend": "primary",
    "instance": "i-1",
    "attempts": 1,
    "queue_ms": 2.5,
    "prefill_ms": 30.0,
    "decode_ms": 200.0,
    "ttft_ms": 45,
}
PREVIOUS = {"prompt_tokens": 100, "instance": "i-1", "backend": "primary"}


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def started(conversation: str = "c_1", seq: int = 2, **changes: Any) -> dict[str, Any]:
    return turn_started(
        **{
            "conversation_id": conversation,
            "answer_seq": seq,
            "now_ms": now_ms(),
            "model": "keepwarm",
            **changes,
        }
    )


def ended(conversation: str = "c_1", seq: int = 2, **changes: Any) -> dict[str, Any]:
    now = now_ms()
    return turn_ended(
        **{
            "conversation_id": conversation,
            "answer_seq": seq,
            "began_ms": now - 300,
            "now_ms": now,
            "model": "keepwarm",
            "outcome": "complete",
            "receipt": RECEIPT,
            "previous": PREVIOUS,
            "finish_reason": "stop",
            "variant": "blue",
            **changes,
        }
    )


def batch(data: Iterable[bytes | str | Mapping[str, Any]]) -> dict[str, Any]:
    """A Kinesis event; bytes are data, text is what stands in its place, objects are JSON."""
    return {"Records": [_record(number, one) for number, one in enumerate(data, start=1)]}


def _record(number: int, one: bytes | str | Mapping[str, Any]) -> dict[str, Any]:
    raw = one if isinstance(one, (bytes, str)) else json.dumps(dict(one)).encode()
    return {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": "c_1",
            "sequenceNumber": f"{number:056d}",
            "data": raw if isinstance(raw, str) else base64.b64encode(raw).decode(),
            "approximateArrivalTimestamp": now_ms() / 1000,
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"shardId-000000000000:{number:056d}",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": "arn:aws:iam::000000000000:role/telemetry",
        "awsRegion": "us-east-1",
        "eventSourceARN": "arn:aws:kinesis:us-east-1:000000000000:stream/events",
    }
