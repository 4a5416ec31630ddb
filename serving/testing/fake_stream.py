"""The stream of a fake engine: tokens become due by the clock, so that no thread is needed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

from serving.engine.detokenizer import IncrementalDecoder
from serving.errors import EngineDead, GenerationFailed, KeepwarmError
from serving.request import (
    FinishReason,
    PositionLogprobs,
    RequestOutput,
    Timings,
    TokenLogprob,
    Usage,
)
from serving.testing.byte_tokenizer import ByteTokenizer
from serving.testing.fake_plan import FakePlan

NEVER = float("inf")


class FakeStream:
    """One running request of a fake engine; obeys `GenerationStream`."""

    def __init__(
        self,
        request_id: str,
        plan: FakePlan,
        tokenizer: ByteTokenizer,
        *,
        on_end: Callable[[FakeStream, FinishReason], None],
        on_death: Callable[[str], None],
    ) -> None:
        self.request_id = request_id
        self.plan = plan
        self.sent = 0
        self.finish_reason: FinishReason | None = None
        self._decoder = IncrementalDecoder(tokenizer, plan.prompt_token_ids)
        self._on_end = on_end
        self._on_death = on_death
        self._submitted = time.monotonic()
        self._first_token: float | None = None
        self._prompt_told = False
        self._ending: FinishReason | KeepwarmError | None = None
        self._wake = threading.Event()
        self._end_once = threading.Lock()

    def next(self, timeout: float | None = None) -> RequestOutput | None:
        """The next output, or None after `timeout` seconds without one; see `GenerationStream`."""
        if self.finish_reason is not None:
            raise StopIteration
        give_up = NEVER if timeout is None else time.monotonic() + timeout
        while True:
            now = time.monotonic()
            output = self._take(now)
            if output is not None:
                return output
            if now >= give_up:
                return None
            until = min(give_up, self._next_event())
            self._wake.wait(None if until == NEVER else max(until - now, 0.0))

    def __iter__(self) -> Iterator[RequestOutput]:
        """All outputs up to the last."""
        while True:
            try:
                output = self.next()
            except StopIteration:
                return
            if output is not None:
                yield output

    def abort(self) -> None:
        """End with FinishReason.ABORT; no effect on a stream that ended."""
        self.end_with(FinishReason.ABORT)
        self._finish(FinishReason.ABORT)

    def end_with(self, ending: FinishReason | KeepwarmError) -> None:
        """Make `ending` the next thing that the stream's reader sees."""
        if self._ending is None and self.finish_reason is None:
            self._ending = ending
            self._wake.set()

    def __enter__(self) -> FakeStream:
        return self

    def __exit__(self, *exc_info: object) -> None:
        if self.finish_reason is None:
            self.abort()

    def _take(self, now: float) -> RequestOutput | None:
        """What is due at `now`, if anything. Raises the error the stream ends with."""
        self._meet_faults()
        if isinstance(self._ending, KeepwarmError):
            self._finish(FinishReason.ERROR)
            raise self._ending
        if self._ending is not None:
            return self._output([], self._ending)
        if self.plan.deadline is not None and now >= self.plan.deadline:
            return self._output([], FinishReason.DEADLINE)
        if now < self._token_due():
            return None
        return self._next_token(now)

    def _next_token(self, now: float) -> RequestOutput:
        self._first_token = self._first_token or now
        if self.sent == len(self.plan.token_ids):
            return self._output([], self.plan.finish_reason)
        token_id = self.plan.token_ids[self.sent]
        self.sent += 1
        is_last = self.sent == len(self.plan.token_ids)
        return self._output([token_id], self.plan.finish_reason if is_last else None)

    def _meet_faults(self) -> None:
        if self._ending is not None:
            return
        faults = self.plan.faults
        if faults.fail_after is not None and self.sent >= faults.fail_after:
            self._ending = GenerationFailed("the fake engine failed this request on purpose")
        elif faults.die_after is not None and self.sent >= faults.die_after:
            self._ending = EngineDead("the fake engine died on purpose")
            self._on_death("the fake engine died on purpose")

    def _token_due(self) -> float:
        stall_after = self.plan.faults.stall_after
        if stall_after is not None and self.sent >= stall_after:
            return NEVER
        return self._submitted + self.plan.first_token_s + self.sent * self.plan.token_s

    def _next_event(self) -> float:
        deadline = NEVER if self.plan.deadline is None else self.plan.deadline
        return min(self._token_due(), deadline)

    def _output(self, token_ids: list[int], finish_reason: FinishReason | None) -> RequestOutput:
        pieces = [self._decoder.push(token_id) for token_id in token_ids]
        if finish_reason is not None:
            pieces.append(self._decoder.finish())
            self._finish(finish_reason)
        return RequestOutput(
            request_id=self.request_id,
            text="".join(pieces),
            token_ids=token_ids,
            usage=Usage(
                prompt_tokens=len(self.plan.prompt_token_ids),
                completion_tokens=self.sent,
                cached_tokens=self.plan.cached_tokens,
            ),
            logprobs=_logprobs(token_ids, self.plan.logprobs),
            prompt_logprobs=self._prompt_logprobs(),
            finish_reason=finish_reason,
            timings=self._timings(),
        )

    def _prompt_logprobs(self) -> list[PositionLogprobs] | None:
        """All of the prompt's, with the first output that comes of a computed prompt."""
        if self._prompt_told:
            return None
        self._prompt_told = True
        computed = self.plan.prompt_token_ids[1:] if self._first_token is not None else []
        return _logprobs(computed, self.plan.prompt_logprobs)

    def _timings(self) -> Timings:
        now = time.monotonic()
        first = self._first_token or now
        return Timings(prefill_ms=(first - self._submitted) * 1000, decode_ms=(now - first) * 1000)

    def _finish(self, reason: FinishReason) -> None:
        with self._end_once:
            if self.finish_reason is not None:
                return
            self.finish_reason = reason
        self._on_end(self, reason)


def _logprobs(token_ids: list[int], count: int | None) -> list[PositionLogprobs] | None:
    if count is None:
        return None
    return [
        PositionLogprobs(
            chosen=TokenLogprob(token_id, -0.5, 1),
            top=[
                TokenLogprob((token_id + rank) % 256, -0.5 - rank, rank + 1)
                for rank in range(count)
            ],
        )
        for token_id in token_ids
    ]
