"""The scheduler's own record of one request."""

from __future__ import annotations

import enum
import time

from serving.kv_cache.manager import BlockTable
from serving.request import EngineRequest, Timings


class SequenceState(enum.Enum):
    """Where a sequence stands."""

    WAITING = "waiting"
    RUNNING = "running"
    FINISHED = "finished"


class Sequence:
    """Tokens of one request and how many of them are in the KV cache.

    `num_computed` catches up with `len(token_ids)`: a new prompt is far behind, a decoding one is
    behind by the one token it sampled last, a preempted one starts again from its prefix hits.
    """

    __slots__ = (
        "admitted_at",
        "arrived_at",
        "cached_tokens",
        "first_token_at",
        "num_computed",
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
        self.table = BlockTable(request.cache_salt)
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
