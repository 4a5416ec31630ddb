"""A runner without a model: it keeps tokens where a model keeps keys and values.

Under a real scheduler and a real block pool it is a strict checker of their bookkeeping. Each slot
of its store holds what a model's keys and values hold: one token at one position behind one whole
prefix (as a checksum). Every step first writes all chunks, then reads each sequence back through
its block table, from its first token on:

    block table    [ 7 | 2 | 9 ]          slot = block * block_size + position % block_size
    store, block 7 | t0 t1 t2 t3 |        a lost, stale or wrongly shared block reads as
    store, block 2 | t4 t5 t6 t7 |        another token or another prefix: `CacheCorrupted`
    store, block 9 | t8 .. .. .. |

The next token is a function of what was read, so `expected_output` says what must come out,
however the prompt was cut into chunks, shared, preempted or batched. So are the log-probabilities
of a prompt: `expected_prompt_logprobs`.
"""

from __future__ import annotations

import itertools
import time
import zlib
from collections.abc import Mapping
from typing import NamedTuple

from serving.request import PositionLogprobs, SampledToken, TokenLogprob
from serving.runner.interface import DeviceLost
from serving.scheduler.output import (
    RunnerOutput,
    ScheduledChunk,
    SchedulerOutput,
)
from serving.speculative.verify import accept


class CacheCorrupted(DeviceLost):
    """The store does not hold what a block table promises; ends the engine, so nobody misses it."""


class Slot(NamedTuple):
    """What stands in for the keys and values of one token."""

    token_id: int
    position: int
    prefix: int  # checksum of all tokens up to and with this one


def expected_output(prompt: list[int], count: int, vocab_size: int) -> list[int]:
    """The `count` tokens that a `FakeRunner` generates after `prompt`, computed one by one."""
    prefix = 0
    for token_id in prompt:
        prefix = _extend(prefix, token_id)
    output: list[int] = []
    for _ in range(count):
        output.append(prefix % vocab_size)
        prefix = _extend(prefix, output[-1])
    return output


def expected_prompt_logprobs(prompt: list[int], top: int) -> list[PositionLogprobs]:
    """What a `FakeRunner` says of each token of `prompt` but the first."""
    entries: list[PositionLogprobs] = []
    prefix = 0
    for token_id, following in itertools.pairwise(prompt):
        prefix = _extend(prefix, token_id)
        entries.append(_entry(prefix, following, top))
    return entries


def _entry(prefix: int, token_id: int, top: int) -> PositionLogprobs:
    """A log-probability that tells the prefix and the token behind it."""
    logprob = -float(_extend(prefix, token_id) % 9973) / 1000
    likeliest = [TokenLogprob(rank, -0.1 * rank, rank) for rank in range(1, top + 1)]
    return PositionLogprobs(chosen=TokenLogprob(token_id, logprob, 1), top=likeliest)


def _extend(prefix: int, token_id: int) -> int:
    """The checksum of a prefix and one more token."""
    return zlib.crc32(token_id.to_bytes(8, "little"), prefix)


class FakeRunner:
    """Implements `serving.runner.interface.Runner` on a simulated KV store.

    Args:
        num_blocks: blocks of the store; the same as the pool's.
        block_size: tokens in a block.
        vocab_size: sampled ids are in [0, vocab_size).
        step_time: seconds that each step takes.
        fail_on: errors to raise, by number of the step (from 0). A failing step leaves the whole
            store unreadable, as a kernel that broke half-way may.

    Attributes:
        work: what each step was asked for, failed ones included. Token ids and positions stay as
            they were; block tables go on living with their sequence.
    """

    def __init__(
        self,
        num_blocks: int,
        block_size: int,
        vocab_size: int,
        *,
        step_time: float = 0.0,
        fail_on: Mapping[int, Exception] | None = None,
    ) -> None:
        self.num_blocks = num_blocks
        self.block_size = block_size
        self.vocab_size = vocab_size
        self.step_time = step_time
        self.work: list[SchedulerOutput] = []
        self._fail_on = dict(fail_on or {})
        self._store: list[Slot | None] = [None] * (num_blocks * block_size)

    @property
    def num_steps(self) -> int:
        """Steps so far, failed ones included."""
        return len(self.work)

    def fail_next(self, error: Exception) -> None:
        """Raise `error` in the next step."""
        self._fail_on[self.num_steps] = error

    def expected_output(self, prompt: list[int], count: int) -> list[int]:
        """What this runner generates after `prompt`: see the function of that name."""
        return expected_output(prompt, count, self.vocab_size)

    def execute(self, work: SchedulerOutput) -> RunnerOutput:
        """Write every chunk, read every sequence back, sample where asked.

        Raises:
            CacheCorrupted: a chunk or a block table contradicts what was written before.
            Exception: the error that was scripted for this step.
        """
        step = self.num_steps
        self.work.append(work)
        if self.step_time:
            time.sleep(self.step_time)
        if step in self._fail_on:
            self._store = [None] * len(self._store)
            raise self._fail_on[step]
        written: dict[int, str] = {}
        for chunk in work.chunks:
            self._write(chunk, written)
        read = {chunk.request_id: self._read_back(chunk) for chunk in work.chunks}
        return RunnerOutput(
            sampled={
                chunk.request_id: self._sample(chunk, read[chunk.request_id])
                for chunk in work.chunks
                if chunk.samples
            },
            prompt_logprobs={
                chunk.request_id: self._score(chunk, read[chunk.request_id])
                for chunk in work.chunks
                if chunk.scored
            },
        )

    def _sample(self, chunk: ScheduledChunk, read: list[Slot]) -> list[SampledToken]:
        """The tokens behind the last one and behind the drafted ones that are right."""
        behind = read[-1 - len(chunk.drafted) :]
        return accept(chunk.drafted, [SampledToken(it.prefix % self.vocab_size) for it in behind])

    def _score(self, chunk: ScheduledChunk, read: list[Slot]) -> list[PositionLogprobs]:
        """Log-probabilities of the tokens behind the scored positions."""
        if chunk.scored.start < chunk.start or chunk.scored.stop > chunk.end:
            raise CacheCorrupted(f"{chunk.request_id}: scores positions that it does not compute")
        top = chunk.sampling.prompt_logprobs or 0
        return [
            _entry(read[position].prefix, chunk.prompt_token_ids[position + 1], top)
            for position in chunk.scored
        ]

    def _write(self, chunk: ScheduledChunk, written: dict[int, str]) -> None:
        """Put the chunk's tokens into its slots; `written` are this step's, by request."""
        wanted = _sequence_slots(chunk)
        if chunk.token_ids != [slot.token_id for slot in wanted[chunk.start :]]:
            raise CacheCorrupted(f"{chunk.request_id}: the chunk's tokens are not the sequence's")
        for slot in wanted[chunk.start :]:
            place = self._place(chunk, slot.position)
            other = written.setdefault(place, chunk.request_id)
            if other != chunk.request_id:
                raise CacheCorrupted(f"{chunk.request_id} and {other} write to slot {place}")
            self._store[place] = slot

    def _read_back(self, chunk: ScheduledChunk) -> list[Slot]:
        """Check all tokens up to the chunk's end; their slots."""
        wanted = _sequence_slots(chunk)
        for slot in wanted:
            found = self._store[self._place(chunk, slot.position)]
            if found != slot:
                block_id = chunk.block_ids[slot.position // self.block_size]
                raise CacheCorrupted(
                    f"{chunk.request_id}, position {slot.position}, block {block_id}: "
                    f"should be {slot}, is {found}"
                )
        return wanted

    def _place(self, chunk: ScheduledChunk, position: int) -> int:
        """The slot of a position, by the chunk's block table."""
        index, offset = divmod(position, self.block_size)
        if index >= len(chunk.block_ids):
            raise CacheCorrupted(f"{chunk.request_id}: no block for position {position}")
        block_id = chunk.block_ids[index]
        if not 0 <= block_id < self.num_blocks:
            raise CacheCorrupted(f"{chunk.request_id}: there is no block {block_id}")
        return block_id * self.block_size + offset


def _sequence_slots(chunk: ScheduledChunk) -> list[Slot]:
    """What the cache must hold of the chunk's sequence once the step is done."""
    known = [*chunk.prompt_token_ids, *chunk.output_token_ids, *chunk.drafted]
    token_ids = known[: chunk.end]
    if not chunk.token_ids or len(token_ids) != chunk.end:
        raise CacheCorrupted(f"{chunk.request_id}: an empty chunk, or one past the sequence's end")
    slots: list[Slot] = []
    prefix = 0
    for position, token_id in enumerate(token_ids):
        prefix = _extend(prefix, token_id)
        slots.append(Slot(token_id, position, prefix))
    return slots
