"""What the client sees of each answer: plain records, in seconds since the run began.

    |--- ttft ---|- itl -|- itl -|
    sent         event   event   event  ... finished      one TurnRecord

An event is a piece of the answer as it reached the client. A server that hands out several
tokens at once makes fewer events than tokens, so token counts come from the server's `usage`.
"""

from __future__ import annotations

import enum
import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol


class Outcome(enum.StrEnum):
    """How a turn ended."""

    COMPLETE = "complete"
    CUT = "cut"  # the time limit of the run came first
    TRUNCATED = "truncated"  # the stream ended before the answer did
    ERROR = "error"


@dataclass(frozen=True, kw_only=True)
class TurnRecord:
    """One request and its answer, as the client saw them.

    Attributes:
        session, turn: both counted from 0.
        sent_s: when the request was sent.
        event_times_s: when each piece of text arrived, ascending.
        finished_s: when the stream ended, by itself or not.
        output_tokens: of `usage` when `counted_by_server`, else the number of events.
        prompt_tokens, cached_tokens: of `usage`; None when the server does not say.
        error: one sentence for what is neither complete nor cut.
    """

    session: int
    turn: int
    sent_s: float
    event_times_s: tuple[float, ...]
    finished_s: float
    output_tokens: int
    counted_by_server: bool
    text: str
    outcome: Outcome
    prompt_tokens: int | None = None
    cached_tokens: int | None = None
    error: str | None = None

    @property
    def ttft_s(self) -> float | None:
        """Seconds from sending to the first piece of text; None when none came."""
        return self.event_times_s[0] - self.sent_s if self.event_times_s else None

    @property
    def gaps_s(self) -> list[float]:
        """Seconds between one piece of text and the next (inter-token latencies)."""
        return [later - earlier for earlier, later in itertools.pairwise(self.event_times_s)]

    @property
    def seconds_per_token(self) -> float | None:
        """Mean time of each token after the first, however they were grouped into events."""
        if self.outcome is not Outcome.COMPLETE or self.output_tokens < 2 or not self.event_times_s:
            return None
        return (self.event_times_s[-1] - self.event_times_s[0]) / (self.output_tokens - 1)


@dataclass(frozen=True)
class LoadResult:
    """What the load generator saw: turns sorted by session and turn, wall and own CPU seconds."""

    turns: tuple[TurnRecord, ...]
    wall_s: float
    client_cpu_s: float


class RunObserver(Protocol):
    """Follows a run while it goes on (a progress bar, or nothing)."""

    def tokens_arrived(self, count: int) -> None:
        """`count` more pieces of text came."""

    def turn_ended(self) -> None:
        """One more turn is over, whatever its outcome."""


class SilentObserver:
    """An observer that looks away."""

    def tokens_arrived(self, count: int) -> None:
        """Nothing to do."""

    def turn_ended(self) -> None:
        """Nothing to do."""


def turn_from_json(data: Mapping[str, Any]) -> TurnRecord:
    """One turn out of JSON-ready data."""
    fields = dict(data)
    fields["event_times_s"] = tuple(fields["event_times_s"])
    fields["outcome"] = Outcome(fields["outcome"])
    return TurnRecord(**fields)
