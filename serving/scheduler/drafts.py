"""Drafted tokens in a step: who may draft, in which blocks, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from serving.kv_cache.manager import KVCacheManager
from serving.scheduler.budget import StepBudget
from serving.scheduler.output import ScheduledChunk
from serving.scheduler.sequence import Sequence
from serving.speculative.drafter import Drafter


class Drafts:
    """Asks a drafter on the scheduler's terms: guesses take what nobody else wants.

    Args:
        drafter: guesses; None for nobody.
        cache: the block bookkeeping.
        max_model_len: tokens of a sequence at most.

    Attributes:
        num_drafts, num_drafted, num_accepted: drafts verified, their tokens, those that came true.
    """

    def __init__(self, drafter: Drafter | None, cache: KVCacheManager, max_model_len: int) -> None:
        self.num_drafts = self.num_drafted = self.num_accepted = 0
        self._drafter = drafter
        self._cache = cache
        self._max_model_len = max_model_len

    def lengthen(
        self,
        chunks: list[ScheduledChunk],
        sequences: Mapping[str, Sequence],
        budget: StepBudget,
        running: int,
        spare: int,
    ) -> None:
        """Lengthen decoding sequences' chunks by guesses, out of what the step has left.

        Args:
            chunks: of the step; changed in place.
            sequences: theirs, by request id.
            budget: what the step may still spend.
            running: sequences that run.
            spare: free blocks that are nobody's.
        """
        if self._drafter is None or not self._drafter.pays(running):
            return
        if any(chunk.samples and not chunk.output_token_ids for chunk in chunks):
            return  # nobody's first token waits for guesses
        for place, chunk in enumerate(chunks):
            room = min(budget.tokens, budget.scored)
            if room <= 0:
                return
            if len(chunk.token_ids) > 1 or not (chunk.samples and chunk.output_token_ids):
                continue
            sequence = sequences[chunk.request_id]
            blocks = len(sequence.table.blocks)
            drafted = self._make(sequence, room, running, spare)
            if drafted:
                longer = [*chunk.token_ids, *drafted]
                chunks[place] = replace(chunk, token_ids=longer, drafted=tuple(drafted))
                budget.tokens -= len(drafted)
                budget.scored -= len(drafted)
                spare -= len(sequence.table.blocks) - blocks

    def _make(self, sequence: Sequence, room: int, running: int, spare: int) -> list[int]:
        """Guess what follows a decoding sequence's one token, and hold blocks for it.

        Args:
            sequence: its blocks hold its own tokens already.
            room: tokens at most.
            running: sequences in the step.
            spare: free blocks that are nobody's.
        """
        most = min(room, sequence.num_wanted(self._max_model_len) - 1)
        if self._drafter is None or most <= 0:
            return []
        drafted = self._drafter.draft(sequence.request_id, sequence.token_ids, most, running)
        end = len(sequence.token_ids) + len(drafted)
        new_blocks = self._cache.blocks_for(end) - len(sequence.table.blocks)
        if new_blocks > max(0, spare):
            return []
        self._cache.grow(sequence.table, end)
        return drafted

    def confirm(self, sequence: Sequence, drafted: int, right: int, kept: int) -> None:
        """Count as computed what a step verified; keys and values of wrong guesses are void.

        Args:
            sequence: with its new tokens, live.
            drafted: how many were guessed.
            right: how many of them came true.
            kept: of those, how many stay: the answer may have ended among them.
        """
        sequence.num_computed += kept
        self._cache.register(sequence.table, sequence.token_ids, sequence.num_computed)
        self.num_drafts += 1
        self.num_drafted += drafted
        self.num_accepted += kept
        if self._drafter is not None:
            self._drafter.learn(sequence.request_id, drafted, right)

    def forget(self, request_id: str) -> None:
        """A sequence ended."""
        if self._drafter is not None:
            self._drafter.forget(request_id)
