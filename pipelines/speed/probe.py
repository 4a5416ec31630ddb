"""One answer, gathered while it streams."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pipelines.speed.errors import StreamBroken, StreamTruncated
from pipelines.speed.records import Outcome, RunObserver, TurnRecord
from pipelines.speed.sse import DONE, parse_event


@dataclass
class Probe:
    """Takes the events of one chat completion and makes the record of it.

    Attributes:
        clock: seconds since the run began.
        finished: whether the answer's end was seen.
        receipt: the server's last word on the answer, where it gives one.
    """

    clock: Callable[[], float]
    observer: RunObserver
    sent_s: float = 0.0
    event_times_s: list[float] = field(default_factory=list)
    pieces: list[str] = field(default_factory=list)
    usage: dict[str, Any] = field(default_factory=dict)
    receipt: dict[str, Any] | None = None
    finished: bool = False

    def take(self, data: str, arrived_s: float) -> None:
        """Digest the data of one event.

        Raises:
            StreamBroken: it is no event of a chat completion, or reports an error.
        """
        if data == DONE:
            self.finished = True
            return
        event = parse_event(data)
        if isinstance(event.get("usage"), dict):
            self.usage = event["usage"]
        if isinstance(event.get("receipt"), dict):
            self.receipt = event["receipt"]
        for choice in event.get("choices") or ():
            self._take_choice(choice, arrived_s)

    def require_receipt(self) -> None:
        """Hold the answer against its receipt: a stream without one is broken, whatever it says.

        Raises:
            StreamTruncated: there is no receipt, or it is of another text.
        """
        if self.receipt is None:
            raise StreamTruncated("the stream ended without its receipt")
        if self.receipt.get("sha256") != hashlib.sha256(self.text.encode()).hexdigest():
            raise StreamTruncated("the receipt is of another text than the one that came")

    @property
    def text(self) -> str:
        """What came so far."""
        return "".join(self.pieces)

    def record(
        self, session: int, turn: int, outcome: Outcome, error: str | None = None
    ) -> TurnRecord:
        """The finished record; without a usable `usage`, events stand for tokens."""
        counted = _count(self.usage, "completion_tokens")
        return TurnRecord(
            session=session,
            turn=turn,
            sent_s=self.sent_s,
            event_times_s=tuple(self.event_times_s),
            finished_s=self.clock(),
            output_tokens=len(self.event_times_s) if counted is None else counted,
            counted_by_server=counted is not None,
            text=self.text,
            outcome=outcome,
            prompt_tokens=_count(self.usage, "prompt_tokens"),
            cached_tokens=_count(self.usage.get("prompt_tokens_details"), "cached_tokens"),
            error=error,
        )

    def _take_choice(self, choice: object, arrived_s: float) -> None:
        delta = choice.get("delta") or {} if isinstance(choice, dict) else None
        if not isinstance(choice, dict) or not isinstance(delta, dict):
            raise StreamBroken("an event holds a choice that is not a chat completion's delta")
        piece = delta.get("content")
        if isinstance(piece, str) and piece:
            self.pieces.append(piece)
            self.event_times_s.append(arrived_s)
            self.observer.tokens_arrived(1)
        if choice.get("finish_reason"):
            self.finished = True


def _count(mapping: object, name: str) -> int | None:
    """A non-negative integer out of `usage`, None for anything else."""
    value = mapping.get(name) if isinstance(mapping, dict) else None
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
