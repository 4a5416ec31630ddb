"""One rule fills every step: computed tokens catch up with tokens, under one token budget.

A sequence has no prefill phase and no decode phase. A new prompt, a chunk of a long one, the rest
after a prefix hit, a decoding sequence's one token and a preempted sequence's recomputation are
all `num_uncomputed` tokens that want to be computed. Drafted tokens ride along behind a decoding
sequence's one token; those that came true are computed by then (`Drafts.confirm`).

    1. running sequences first, in the order of their admission;
    2. where blocks run out, the youngest running one is preempted (its blocks are released but
       stay hashed, so coming back is mostly a prefix hit);
    3. only where nobody was preempted, waiting ones are admitted, oldest first.

The rule is vLLM's V1 scheduler's and SGLang's. Where it gains nothing that prompts and decoding
sequences share a step, they take turns (`turns.py`).
"""

from __future__ import annotations

import time

from serving.kv_cache.block_pool import KVBlock, require
from serving.kv_cache.manager import KVCacheManager
from serving.request import EngineRequest, FinishReason, KVUsage
from serving.scheduler.budget import StepBudget
from serving.scheduler.drafts import Drafts
from serving.scheduler.output import ScheduledChunk, SchedulerOutput
from serving.scheduler.prefix_holdback import PrefixHoldback
from serving.scheduler.queue import WaitingQueue
from serving.scheduler.sequence import Sequence, SequenceState
from serving.scheduler.turns import Turn, Turns
from serving.speculative.drafter import Drafter

NOTHING = range(0)


class Scheduler:
    """Owns every live sequence; decides what each step computes.

    Args:
        cache: the block bookkeeping.
        max_num_seqs: sequences in one step at most.
        token_budget: tokens in one step at most.
        long_prefill_share: share of the budget that a prompt which does not fit into one step may
            take while others decode, so that it does not stall them.
        score_budget: rows of logits for scored positions and drafts in one step, see `StepBudget`.
        drafter: guesses tokens that a step then verifies; None for none.
        max_model_len: tokens of a sequence at most; 0: as many as the cache holds.
        turns: whether prompts and decoding share steps; None: always.

    A sequence always fits, since the client refuses requests above the cache's capacity: preempting
    the others can always finish the oldest running one. That is why nobody starves.
    """

    def __init__(
        self,
        cache: KVCacheManager,
        *,
        max_num_seqs: int,
        token_budget: int,
        long_prefill_share: float = 0.25,
        score_budget: int = 256,
        drafter: Drafter | None = None,
        max_model_len: int = 0,
        turns: Turns | None = None,
    ) -> None:
        self.cache = cache
        self.waiting = WaitingQueue()
        self.running: list[Sequence] = []
        self.num_preemptions = 0
        self.drafts = Drafts(drafter, cache, max_model_len or cache.num_blocks * cache.block_size)
        self._sequences: dict[str, Sequence] = {}
        self._max_num_seqs = max_num_seqs
        self._token_budget = max(token_budget, max_num_seqs)
        self._long_prefill_chunk = max(1, int(self._token_budget * long_prefill_share))
        self._score_budget = score_budget
        self._holdback = PrefixHoldback(cache.block_size)
        self._turns = turns or Turns()
        self._finished_ids: list[str] = []
        self._blocked: Sequence | None = None  # the first that waits, and found no blocks
        self._blocked_slack = 0

    @property
    def token_budget(self) -> int:
        """Tokens in one step at most; never below one for each sequence."""
        return self._token_budget

    @property
    def has_work(self) -> bool:
        """Whether a step would compute anything."""
        return bool(self._sequences)

    def get(self, request_id: str) -> Sequence | None:
        """The live sequence of that name."""
        return self._sequences.get(request_id)

    def add(self, request: EngineRequest) -> None:
        """Queue a new request; its name must not be in use."""
        sequence = Sequence(request)
        self._sequences[request.request_id] = sequence
        self.waiting.push_back(sequence)

    def finish(self, request_id: str, reason: FinishReason) -> Sequence | None:
        """End a sequence wherever it stands and release its blocks; None if it is not live."""
        sequence = self._sequences.pop(request_id, None)
        if sequence is None:
            return None
        if sequence.state is SequenceState.RUNNING:
            self.running.remove(sequence)
            self._stop_running(sequence)
        else:
            self.waiting.remove(sequence)
        sequence.state = SequenceState.FINISHED
        self._finished_ids.append(request_id)
        self.drafts.forget(request_id)
        return sequence

    def schedule(self) -> SchedulerOutput:
        """Choose this step's chunks; blocks for them are allocated when it returns."""
        decoding = sum(sequence.num_uncomputed == 1 for sequence in self.running)
        turn = self._turns.choose(decoding, decoding < len(self.running) or bool(self.waiting))
        chunks = self._chunks(turn, decoding)
        if turn is Turn.PROMPTS and not chunks:  # nobody who waits can start
            chunks = self._chunks(self._turns.decode(), decoding)
        finished, self._finished_ids = self._finished_ids, []
        return SchedulerOutput(chunks=chunks, finished_ids=finished)

    def _chunks(self, turn: Turn, decoding: int) -> list[ScheduledChunk]:
        """This step's chunks, of those whose turn it is."""
        chunks: list[ScheduledChunk] = []
        long_chunk = self._long_prefill_chunk if decoding else self._token_budget
        budget = StepBudget(self._token_budget, self._score_budget, long_chunk)
        if turn is Turn.PROMPTS:
            budget.enough = max(0, budget.tokens - self._turns.enough_rows)
        preempted = self._schedule_running(chunks, budget, turn)
        if not preempted and turn is not Turn.DECODING:
            self._admit_waiting(chunks, budget)
        if turn is Turn.PROMPTS:
            self._turns.spend(self._rows_of_prompts(chunks))
        elif not preempted:
            self.drafts.lengthen(chunks, self._sequences, budget, len(self.running), self._slack)
        return chunks

    def _rows_of_prompts(self, chunks: list[ScheduledChunk]) -> int:
        """What a step takes of the decoding sequences' patience: a piece of a long prompt, all."""
        if any(self._sequences[chunk.request_id].is_long for chunk in chunks):
            return self._token_budget
        return sum(len(chunk.token_ids) for chunk in chunks)

    def _schedule_running(
        self, chunks: list[ScheduledChunk], budget: StepBudget, turn: Turn
    ) -> bool:
        """Chunks for running sequences whose turn it is; whether any was preempted."""
        preempted = False
        index = -1
        while (index := index + 1) < len(self.running) and not budget.is_spent:
            sequence = self.running[index]
            if not turn.takes(sequence.num_uncomputed):
                continue
            behind = len(self.running) - index - 1  # of whom each one that decodes gets a token
            spared = 0 if turn is Turn.PROMPTS else behind
            count = self._chunk_size(sequence, budget.tokens - spared, budget)
            while not self.cache.grow(sequence.table, sequence.num_computed + count):
                preempted = True
                if self._preempt_youngest() is sequence:
                    return True
            chunks.append(self._commit(sequence, count))
            budget.spend(chunks[-1])
        return preempted

    def _admit_waiting(self, chunks: list[ScheduledChunk], budget: StepBudget) -> None:
        if self._blocked is not None:
            if self._blocked is self.waiting.first and self._slack <= self._blocked_slack:
                return  # nothing came free since it was looked up
            self._blocked = None
        for sequence in list(self._admissible()):
            if budget.is_spent or len(self.running) >= self._max_num_seqs:
                return
            prefix = self.cache.find_prefix(
                sequence.table, sequence.token_ids, sequence.num_reusable
            )
            if self._should_wait(sequence, len(prefix)):
                continue
            spare = self.cache.pool.num_free - self._slack
            if not self.cache.can_admit(prefix, len(sequence.token_ids), spare):
                self._blocked, self._blocked_slack = sequence, self._slack
                return
            self._admit(sequence, prefix)
            count = self._chunk_size(sequence, budget.tokens, budget)
            self.cache.grow(sequence.table, sequence.num_computed + count)
            chunks.append(self._commit(sequence, count))
            budget.spend(chunks[-1])

    @property
    def _slack(self) -> int:
        """Free blocks that are nobody's.

        Somebody's are those that running prompts still need, and one for each running sequence,
        or a newcomer would be preempted at once.
        """
        promised = sum(
            self.cache.blocks_for(len(sequence.token_ids)) - len(sequence.table.blocks)
            for sequence in self.running
            if sequence.num_uncomputed > 1
        )
        return self.cache.pool.num_free - promised - len(self.running)

    def _should_wait(self, sequence: Sequence, num_cached: int) -> bool:
        """Whether another is computing what it needs; one that scores computes it all the same."""
        if sequence.num_unscored:
            return False
        return self._holdback.should_wait(sequence.table.hashes, num_cached)

    def _admissible(self) -> list[Sequence]:
        """The oldest waiting sequences, no more than could start: the queue may be very long."""
        room = self._max_num_seqs - len(self.running)
        oldest: list[Sequence] = []
        for sequence in self.waiting:
            if len(oldest) >= 2 * room:
                break
            oldest.append(sequence)
        return oldest

    def _admit(self, sequence: Sequence, prefix: list[KVBlock]) -> None:
        """Start a sequence with what is cached of it; blocks for the rest come chunk by chunk."""
        self.cache.adopt_prefix(sequence.table, prefix)
        self.waiting.remove(sequence)
        self.running.append(sequence)
        sequence.state = SequenceState.RUNNING
        sequence.num_computed = len(prefix) * self.cache.block_size
        sequence.is_long = sequence.num_uncomputed > self._token_budget
        if sequence.admitted_at is None:
            sequence.admitted_at = time.monotonic()
            sequence.cached_tokens = sequence.num_computed
        if not sequence.num_unscored:  # scoring is slow: nobody should wait for it
            self._holdback.begin(sequence.request_id, sequence.table.hashes, len(prefix))

    def _chunk_size(self, sequence: Sequence, tokens: int, budget: StepBudget) -> int:
        left = sequence.num_uncomputed
        if left == 1:
            return 1
        count = min(left, tokens, budget.long_chunk if sequence.is_long else left)
        return sequence.within_scores(count, budget.scored)

    def _commit(self, sequence: Sequence, count: int) -> ScheduledChunk:
        """Count `count` tokens as computed and describe them to the runner."""
        start = sequence.num_computed
        end = start + count
        sequence.num_computed = end
        self.cache.register(sequence.table, sequence.token_ids, end)
        if end >= sequence.prompt_len:
            self._holdback.end(sequence.request_id)
        request = sequence.request
        return ScheduledChunk(
            request_id=request.request_id,
            token_ids=sequence.token_ids[start:end],
            start=start,
            block_ids=sequence.table.block_ids,
            samples=end == len(sequence.token_ids) and request.sampling.max_tokens != 0,
            sampling=request.sampling,
            prompt_token_ids=request.prompt_token_ids,
            output_token_ids=sequence.output_ids,
            scored=sequence.score(end) if sequence.num_unscored else NOTHING,
        )

    def _preempt_youngest(self) -> Sequence:
        """Send the last admitted sequence back to the head of the queue."""
        sequence = self.running.pop()
        self._stop_running(sequence)
        sequence.state = SequenceState.WAITING
        sequence.num_computed = 0
        sequence.preemptions += 1
        self.num_preemptions += 1
        self.waiting.push_front(sequence)
        return sequence

    def _stop_running(self, sequence: Sequence) -> None:
        self._holdback.end(sequence.request_id)
        self.cache.release(sequence.table)

    def kv_usage(self) -> KVUsage:
        """Who has how much of the cache; costs as much as there are running sequences."""
        running: dict[str, int] = {}
        for sequence in self.running:
            tokens = self.cache.unhashed_tokens(sequence.table, sequence.num_computed)
            running[sequence.request.label] = running.get(sequence.request.label, 0) + tokens
        return self.cache.usage(running)

    def check_integrity(self) -> None:
        """Check that queues, sequences and blocks agree; for tests.

        Raises:
            AssertionError: they do not.
        """
        waiting = list(self.waiting)
        live = {sequence.request_id for sequence in [*waiting, *self.running]}
        require(live == set(self._sequences), "a sequence is lost or doubled")
        require(len(live) == len(waiting) + len(self.running), "a sequence is in two queues")
        require(not any(item.table.blocks for item in waiting), "a waiting one holds blocks")
        self.cache.check_integrity([sequence.table for sequence in self.running])
