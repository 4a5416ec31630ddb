"""Drafts out of the sequence itself: what followed the last time these tokens stood there.

    ... the quick brown fox jumps over the lazy dog ... he wrote: the quick brown
                        ^ source                                            ^ end
    draft: fox jumps over the ...

Answers that quote, edit or extend what is in the prompt repeat long stretches of it. No second
model is needed, and a wrong draft costs a few rows of one step. The method is known as prompt
lookup decoding (Saxena, 2023).
"""

from __future__ import annotations

from collections.abc import Sequence

NGRAM = 3
"""Tokens that must match: two match by chance too often, four find a repetition a step later."""

_ID_BITS = 21
_MASK = (1 << NGRAM * _ID_BITS) - 1
"""Tokens are packed into one number; should an id be too long for it, a draft is wrong."""


class PromptLookup:
    """Finds continuations in one growing list of tokens; a token costs O(1).

    A draft that came true is followed on from where it was taken, since by then the match is
    longer than any new look-up's; else the latest place that ends in the same `NGRAM` tokens.
    """

    __slots__ = ("_after", "_num_known", "_source", "_tail")

    def __init__(self) -> None:
        self._after: dict[int, int] = {}  # n-grams, packed, and the position behind the latest
        self._num_known = 0
        self._tail = 0  # the last n-gram, packed
        self._source = -1  # what the sequence repeats now, by position; -1 for nothing

    def propose(self, token_ids: Sequence[int], most: int) -> list[int]:
        """Up to `most` tokens that may follow; the same list as before, or one grown at its end."""
        source = self._follow(token_ids)
        self._learn(token_ids)
        if source < 0 and len(token_ids) >= NGRAM:
            source = self._after.get(self._tail, -1)
        self._source = source
        return [] if source < 0 else list(token_ids[source : source + most])

    def _follow(self, token_ids: Sequence[int]) -> int:
        """The place to go on from if all that came since was a copy from there; -1 if not."""
        if self._source < 0:
            return -1
        end = self._source + len(token_ids) - self._num_known
        return end if token_ids[self._source : end] == token_ids[self._num_known :] else -1

    def _learn(self, token_ids: Sequence[int]) -> None:
        """Note every n-gram that something follows."""
        tail, after = self._tail, self._after
        for position in range(self._num_known, len(token_ids)):
            if position >= NGRAM:
                after[tail] = position
            tail = (tail << _ID_BITS | token_ids[position]) & _MASK
        self._tail, self._num_known = tail, len(token_ids)
