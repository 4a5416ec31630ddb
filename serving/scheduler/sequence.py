"""The scheduler's own record of one request."""

from __future__ import annotations

import enum
import time

from serving.errors import GenerationFailed
from serving.kv_cache.manager import BlockTable
from serving.request import (
    EngineRequest,
    FinishReason,
    PositionLogprobs,
    SampledToken,
    Timings,
    TokenDelta,
)


class SequenceState(enum.Enum):
    """Where a sequence stands."""

    WAITING = "waiting"
    RUNNING = "running"
    FINISHED = "finished"


class Sequence:
    """Tokens of one request and how many of them are in the KV cache.

    `num_computed` catches up with `len(token_ids)`: a new prompt is far behind, a decoding one is
    behind by the one token it sampled last, a preempted one starts again from its prefix hits.

    `num_scored` never goes back: the first so many positions of the prompt have told the
    log-probability of the token behind them, and need not do it again after a preemption.
    """

    __slots__ = (
        "_num_to_score",
        "admitted_at",
        "arrived_at",
        "cached_tokens",
        "first_token_at",
        "is_long",
        "num_computed",
        "num_scored",
        "output_ids",
        "preemptions",
        "prompt_len",
        "request",
        "state",
        "table",
        "token_ids",
    )

    def __init__(self, request: EngineRequest) -> None:
        self.request = request
        self.token_ids = list(request.prompt_token_ids)
        self.prompt_len = len(self.token_ids)
        self.output_ids: list[int] = []
        self.num_computed = 0
        self.num_scored = 0
        self.is_long = False  # more to compute than fits into one step, when it was admitted
        scores = request.sampling.prompt_logprobs is not None
        self._num_to_score = self.prompt_len - 1 if scores else 0
        self.table = BlockTable(request.cache_salt, request.label)
        self.state = SequenceState.WAITING
        self.cached_tokens = 0
        self.preemptions = 0
        self.arrived_at = time.monotonic()
        self.admitted_at: float | None = None
        self.first_token_at: float | None = None

    @property
    def request_id(self) -> str:
        """The caller's name for it."""
        return self.request.request_id

    @property
    def num_output(self) -> int:
        """Tokens generated so far."""
        return len(self.output_ids)

    @property
    def num_uncomputed(self) -> int:
        """Tokens whose keys and values are not in the cache yet."""
        return len(self.token_ids) - self.num_computed

    def num_wanted(self, max_model_len: int) -> int:
        """Tokens that it may still generate."""
        room = max_model_len - len(self.token_ids)
        wanted = self.request.sampling.max_tokens
        return room if wanted is None else min(room, wanted - self.num_output)

    @property
    def num_unscored(self) -> int:
        """Positions of the prompt whose next token's log-probability is wanted and not told yet."""
        return self._num_to_score - self.num_scored

    @property
    def num_reusable(self) -> int:
        """Tokens that a prefix hit may skip: all but the last, or those that are scored."""
        return self.num_scored if self.num_unscored else len(self.token_ids) - 1

    def within_scores(self, count: int, limit: int) -> int:
        """The next `count` tokens, or as many as have `limit` positions to score; one at least."""
        limit = max(1, limit)
        if self.num_unscored <= limit:
            return count
        return min(count, max(self.num_computed, self.num_scored) + limit - self.num_computed)

    def score(self, end: int) -> range:
        """Count the positions before `end` as scored; those of them that were not yet."""
        first = self.num_scored
        self.num_scored += max(0, min(self.num_unscored, end - first))
        return range(first, self.num_scored)

    def append(self, token_id: int) -> None:
        """Take a sampled token; it is the next one to compute."""
        if self.first_token_at is None:
            self.first_token_at = time.monotonic()
        self.token_ids.append(token_id)
        self.output_ids.append(token_id)

    def timings(self) -> Timings:
        """Queue, prefill and decode time up to now, in milliseconds."""
        now = time.monotonic()
        admitted = self.admitted_at if self.admitted_at is not None else now
        first = self.first_token_at if self.first_token_at is not None else now
        return Timings(
            queue_ms=1000 * (admitted - self.arrived_at),
            prefill_ms=1000 * (first - admitted),
            decode_ms=1000 * (now - first),
        )

    def finish_reason(
        self, token_id: int, eos: frozenset[int], max_model_len: int
    ) -> FinishReason | None:
        """Whether the token just appended ends it, and why."""
        sampling = self.request.sampling
        if token_id in sampling.stop_token_ids:
            return FinishReason.STOP
        if not sampling.ignore_eos and token_id in eos:
            return FinishReason.STOP
        if sampling.max_tokens is not None and self.num_output >= sampling.max_tokens:
            return FinishReason.LENGTH
        return FinishReason.LENGTH if len(self.token_ids) >= max_model_len else None

    def delta(
        self, tokens: list[SampledToken], prompt_logprobs: list[PositionLogprobs] | None = None
    ) -> TokenDelta:
        """What to tell the client of new tokens; the first ones bring the timings so far."""
        return TokenDelta(
            request_id=self.request_id,
            token_ids=[token.token_id for token in tokens],
            logprobs=_logprobs(tokens),
            prompt_logprobs=prompt_logprobs,
            cached_tokens=self.cached_tokens,
            timings=self.timings() if tokens and self.num_output == len(tokens) else None,
        )

    def final_delta(
        self,
        reason: FinishReason,
        tokens: list[SampledToken],
        prompt_logprobs: list[PositionLogprobs] | None = None,
    ) -> TokenDelta:
        """The last word on it, with its last tokens if it has any."""
        return TokenDelta(
            request_id=self.request_id,
            token_ids=[token.token_id for token in tokens],
            logprobs=_logprobs(tokens),
            prompt_logprobs=prompt_logprobs,
            finish_reason=reason,
            cached_tokens=self.cached_tokens,
            preemptions=self.preemptions,
            timings=self.timings(),
        )

    def failed_delta(self, error: Exception) -> TokenDelta:
        """The last word on it after a failed step; names the error's kind, never its text."""
        return TokenDelta(
            request_id=self.request_id,
            finish_reason=FinishReason.ERROR,
            cached_tokens=self.cached_tokens,
            preemptions=self.preemptions,
            timings=self.timings(),
            error_code=GenerationFailed.code,
            error_message=f"the model's step failed ({type(error).__name__}); try again",
        )


def _logprobs(tokens: list[SampledToken]) -> list[PositionLogprobs] | None:
    """Those of the tokens; None unless the request asked for them."""
    if not tokens or tokens[0].logprobs is None:
        return None
    return [token.logprobs for token in tokens if token.logprobs is not None]
