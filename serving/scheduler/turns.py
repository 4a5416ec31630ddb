"""Who may be in a step: prompts, decoding sequences, or both.

    few decode     [prompt + 3] [prompt + 4] [4] [4] ...         they ride along
    many decode    [prompt] [prompt] [16] [prompt] [16] [16] ... prompts and decoding by turns

Where the weights are read fast beside what a row costs to compute, as on a CPU, a step of a prompt
and 16 decoding rows takes as long as both one after the other. Apart, a first token need not wait
for the decoding rows, nor a prompt that has just come for a long step to end, and prompts that
come together do not wait for one another.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Turn(Enum):
    """Whose rows a step computes."""

    BOTH = "both"
    PROMPTS = "prompts"
    DECODING = "decoding"

    def takes(self, num_uncomputed: int) -> bool:
        """Whether a sequence with that much to compute is in the step."""
        return self is Turn.BOTH or (self is Turn.PROMPTS) == (num_uncomputed > 1)


@dataclass
class Turns:
    """Chooses each step's turn.

    Args:
        riders: decoding sequences that ride along with prompts; None: however many.
        enough_rows: a step of prompts takes no further one when it has so many rows, since it
            gains nothing by it.
        stretch: rows of prompts after which decoding sequences have their turn.
    """

    riders: int | None = None
    enough_rows: int = 1
    stretch: int = 1
    _rows: int = 0

    def choose(self, decoding: int, prompts: bool) -> Turn:
        """The next step's turn, with so many sequences decoding and perhaps prompts to compute."""
        if self.riders is None or decoding <= self.riders:
            return Turn.BOTH
        if prompts and self._rows < self.stretch:
            return Turn.PROMPTS
        return self.decode()

    def decode(self) -> Turn:
        """Decoding sequences have their turn now."""
        self._rows = 0
        return Turn.DECODING

    def spend(self, rows: int) -> None:
        """A step computed so many rows of prompts."""
        self._rows += rows


def turns_for(device_type: str, token_budget: int) -> Turns:
    """On a CPU prompts and decoding take turns; a GPU reads weights for hundreds of rows at once.

    The figures are measured: ADR 62.
    """
    if device_type == "cuda":
        return Turns()
    return Turns(riders=8, enough_rows=48, stretch=token_budget)
