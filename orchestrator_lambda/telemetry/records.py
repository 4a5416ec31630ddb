"""From a Kinesis record to an event, or to a word on why it is none."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator_lambda.telemetry.events import KINDS, SCHEMA_VERSION, event_key

MAX_ID = 400
MAX_NUMBER = 2.0**60
"""CloudWatch takes larger ones; no measurement of ours is."""

NUMBERS = (
    "gen_ai.response.time_to_first_chunk",
    "gen_ai.usage.cache_read.input_tokens",
    "gen_ai.usage.input_tokens",
    "gen_ai.usage.output_tokens",
    "keepwarm.attempts",
    "keepwarm.continuations",
    "keepwarm.cost.total",
    "keepwarm.decode_ms",
    "keepwarm.duration_ms",
    "keepwarm.prefill_ms",
    "keepwarm.queue_ms",
    "keepwarm.takeovers",
)
TEXTS = (
    "error.type",
    "gen_ai.request.model",
    "keepwarm.cache.class",
    "keepwarm.outcome",
    "keepwarm.variant",
)


class PoisonRecord(Exception):
    """The record can never be read; `reason` is a code."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class ReadEvent:
    """An event that came out of the stream.

    Attributes:
        kind: started, ended or deleted.
        time_ms: when it happened, by the clock of whoever wrote it.
        arrived_ms: when Kinesis took it.
        fields: the event.
    """

    event_id: str
    kind: str
    time_ms: float
    arrived_ms: float
    fields: Mapping[str, Any]

    def number(self, name: str) -> float | None:
        """A measurement; None where the event has none."""
        value = self.fields.get(name)
        return None if value is None else float(value)

    def text(self, name: str) -> str:
        """A name or code; empty where the event has none."""
        return str(self.fields.get(name, ""))


def read_record(data: Any, arrived_s: Any) -> ReadEvent:
    """The event of a record.

    Unknown fields are let through: a newer producer may say more. A newer schema is not, since its
    fields may mean something else.

    Args:
        data: as Lambda hands it over, in base64.
        arrived_s: Unix seconds at which Kinesis took it.

    Raises:
        PoisonRecord: it is none of our events.
    """
    fields = _object(data)
    version = fields.get("schema_version")
    if type(version) is not int or not 1 <= version <= SCHEMA_VERSION:
        raise PoisonRecord("unknown_schema")
    if fields.get("kind") not in KINDS:
        raise PoisonRecord("unknown_kind")
    try:
        _, event_id = event_key(fields)
    except ValueError:
        raise PoisonRecord("no_id") from None
    if len(event_id) > MAX_ID:
        raise PoisonRecord("no_id")
    if not _is_number(fields.get("time_ms")):
        raise PoisonRecord("no_time")
    _check_types(fields)
    arrived_ms = float(arrived_s) * 1000 if _is_number(arrived_s) else 0.0
    return ReadEvent(event_id, fields["kind"], float(fields["time_ms"]), arrived_ms, fields)


def _object(data: str) -> dict[str, Any]:
    try:
        raw = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError, TypeError):
        raise PoisonRecord("not_base64") from None
    try:
        fields = json.loads(raw.decode(), parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise PoisonRecord("not_json") from None
    if not isinstance(fields, dict):
        raise PoisonRecord("no_object")
    return fields


def _refuse(constant: str) -> float:
    raise ValueError(constant)


def _check_types(fields: Mapping[str, Any]) -> None:
    """Whether each field that is counted is of the kind that it must be."""
    for name in NUMBERS:
        if name in fields and not _is_number(fields[name]):
            raise PoisonRecord("not_a_number")
    for name in TEXTS:
        if name in fields and not isinstance(fields[name], str):
            raise PoisonRecord("not_a_text")


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return 0 <= value <= MAX_NUMBER
