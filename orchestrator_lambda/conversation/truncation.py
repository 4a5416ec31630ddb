"""Which part of a long history goes into the prompt, so that the prefix stays warm.

    tokens of the branch      . . . high water ________________________
                             /|   /|   /|         a cut moves only here
                            / |  / |  / |
                  low water   |/   |/   |/

Cutting a little at every turn would change the prompt's beginning each time, and nothing cached
could be used again. So the cut moves seldom and far: only when the prompt would be over the high
water mark, and then down to the low one. Between two cuts each prompt begins with the one before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator_lambda.conversation.model import ROOT, Cut, Message, Role
from orchestrator_lambda.errors import ContextLengthExceeded, InvalidRequest

_OVERHEAD_TOKENS = 8  # of a message: role and turn markers of chat templates


@dataclass(frozen=True, kw_only=True)
class WaterMarks:
    """Tokens of a prompt, the system's among them and the answer's room not.

    Raises:
        InvalidRequest: not 0 < low < high.
    """

    high: int = 6_000
    low: int = 3_000
    characters_per_token: float = 3.0

    def __post_init__(self) -> None:
        if not 0 < self.low < self.high or self.characters_per_token <= 0:
            raise InvalidRequest(
                f"water marks low={self.low}, high={self.high} must be 0 < low < high"
            )


def estimate_tokens(text: str, marks: WaterMarks) -> int:
    """Tokens of a text nobody has counted: by its length, on the high side."""
    return int(len(text) / marks.characters_per_token) + 1


def message_tokens(message: Message, marks: WaterMarks) -> int:
    """A message's share of the prompt: as counted by the model, else estimated."""
    counted = message.tokens
    return (estimate_tokens(message.text, marks) if counted is None else counted) + _OVERHEAD_TOKENS


def place_cut(branch: Sequence[Message], cut: Cut, system: str, marks: WaterMarks) -> Cut:
    """The cut for a prompt of `branch`: as it is while the prompt is not too long, else moved.

    A cut lies behind an answer, so that what is left begins with a question; the newest message
    is never cut away. On a branch that does not hold the cut's message (it forked off before), the
    cut falls back to the beginning and is placed anew. A moved cut loses its summary, which spoke
    of fewer messages.

    Raises:
        ContextLengthExceeded: the newest message and the system prompt alone are over the mark.
    """
    if all(message.seq != cut.seq for message in branch):
        cut = Cut()
    fixed = estimate_tokens(system, marks) if system else 0
    fixed += estimate_tokens(cut.summary, marks) if cut.summary else 0
    kept = _after(branch, cut.seq)
    total = fixed + sum(message_tokens(message, marks) for message in kept)
    if total <= marks.high:
        return cut
    seq = cut.seq
    while total > marks.low and (pair := _first_exchange(kept)):
        total -= sum(message_tokens(message, marks) for message in pair)
        seq, kept = pair[-1].seq, kept[len(pair) :]
    if total > marks.high:
        raise ContextLengthExceeded(
            f"the newest message needs about {total} tokens; {marks.high} are allowed"
        )
    return cut if seq == cut.seq else Cut(seq=seq)


def _after(branch: Sequence[Message], seq: int) -> list[Message]:
    if seq == ROOT:
        return list(branch)
    index = next(i for i, message in enumerate(branch) if message.seq == seq)
    return list(branch[index + 1 :])


def _first_exchange(kept: Sequence[Message]) -> list[Message]:
    """The messages up to the first answer, if something is left behind it."""
    for index, message in enumerate(kept[:-1]):
        if message.role is Role.ASSISTANT:
            return list(kept[: index + 1])
    return []
