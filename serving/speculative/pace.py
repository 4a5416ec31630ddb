"""How many tokens a draft should have: as many as are likelier to be right than they cost."""

from __future__ import annotations

import math

FIRST_RATE = 0.7
"""Taken for the acceptance of a sequence's first drafts: nothing is known yet."""

_MEMORY = 0.85
"""What the past still counts after each draft: about the last seven drafts decide."""

_FORGIVING = 0.01
"""How far a step without a draft moves the rate back to the first one: it will try again."""


class Pace:
    """Estimates one sequence's acceptance from its latest drafts.

    The estimate is of one token, given that all before it were right; so the j-th token of a
    draft is right with probability rate^j.
    """

    __slots__ = ("_accepted", "_tried")

    def __init__(self) -> None:
        self._tried = 1.0
        self._accepted = FIRST_RATE

    @property
    def rate(self) -> float:
        """The share of drafted tokens that came true, of those that could."""
        return self._accepted / self._tried

    def learn(self, drafted: int, accepted: int) -> None:
        """A draft of `drafted` tokens was verified; those behind the first wrong tell nothing."""
        self._tried = _MEMORY * self._tried + min(drafted, accepted + 1)
        self._accepted = _MEMORY * self._accepted + accepted

    def rest(self) -> None:
        """There was something to draft, and it did not look worth it."""
        self._accepted += _FORGIVING * (FIRST_RATE * self._tried - self._accepted)

    def length(self, worth: float) -> int:
        """Tokens of a draft each of which is right with probability `worth` or more."""
        if self.rate >= 1.0 or worth <= 0.0:
            return 2**31
        if self.rate <= 0.0 or worth >= 1.0:
            return 0
        return int(math.log(worth) / math.log(self.rate))
