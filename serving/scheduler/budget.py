"""What one step may still spend."""

from __future__ import annotations

from dataclasses import dataclass

from serving.scheduler.output import ScheduledChunk


@dataclass(slots=True)
class StepBudget:
    """Handed from chunk to chunk while a step is put together.

    Attributes:
        tokens: that it may still compute; never exceeded.
        scored: prompt positions that it may still score and tokens that it may still draft, each
            by a row of logits as wide as the vocabulary. Exceeded by one scored position for each
            sequence at most, so that none starves.
        long_chunk: tokens of a long prompt at most.
        enough: nobody joins the step when no more than this is left of `tokens`.
    """

    tokens: int
    scored: int
    long_chunk: int
    enough: int = 0

    @property
    def is_spent(self) -> bool:
        """Whether nobody else joins the step."""
        return self.tokens <= self.enough

    def spend(self, chunk: ScheduledChunk) -> None:
        """Take off what `chunk` costs."""
        self.tokens -= len(chunk.token_ids)
        self.scored -= len(chunk.scored)
