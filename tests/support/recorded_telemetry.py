"""Telemetry that keeps what it is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


class RecordedTelemetry:
    """The protocol `Telemetry`; `down` makes every flush fail."""

    def __init__(self) -> None:
        self.down = False
        self.queued: list[Mapping[str, Any]] = []
        self.sent: list[Mapping[str, Any]] = []

    def emit(self, event: Mapping[str, Any]) -> None:
        self.queued.append(event)

    def flush(self, *, deadline_ms: int) -> Sequence[tuple[str, str]]:
        events, self.queued = self.queued, []
        if self.down:
            return []
        self.sent.extend(events)
        return [(conversation_of(event), event["event_id"]) for event in events]


def conversation_of(event: Mapping[str, Any]) -> str:
    """The conversation in an event's id."""
    return str(event["event_id"]).split(":")[0]
