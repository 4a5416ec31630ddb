"""What the turns need of telemetry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol


class Telemetry(Protocol):
    """Events go in at any time and leave at `flush`, which is called before the next invocation."""

    def emit(self, event: Mapping[str, Any]) -> None:
        """Queue one event (see events.py for its making). Never raises, never blocks."""

    def flush(self, *, deadline_ms: int) -> Sequence[tuple[str, str]]:
        """Send what is queued; (conversation id, event id) of those that are now in Kinesis.

        What could not be sent stays in the outbox in DynamoDB and is sent by the sweeper.
        """


class Sender(Protocol):
    """Sends events that are stored elsewhere: what the sweeper needs."""

    def send(
        self, events: Sequence[Mapping[str, Any]], *, deadline_ms: int
    ) -> Sequence[tuple[str, str]]:
        """Send these events now; (conversation id, event id) of those that arrived.

        Never raises. Nothing of them is kept.
        """
