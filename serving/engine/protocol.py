"""The one door to an engine: what the container, the benchmarks and the tests program against.

Implementations: `client.ProcessEngineClient` (the engine in its own process),
`local.LocalEngineClient` (on a thread of this one), `serving.testing.FakeEngine` (no model).
All methods are safe to call from any thread.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

from serving.request import EngineStats, KVUsage, ModelInfo, RequestOutput
from serving.sampling_params import SamplingParams

if TYPE_CHECKING:
    from serving.tokenizer import Tokenizer


class EngineState(enum.StrEnum):
    """Life of an engine as its client sees it."""

    LOADING = "loading"
    READY = "ready"
    STALLED = "stalled"  # alive, but its loop has not turned for `stall_after_s`
    DEAD = "dead"


class GenerationStream(Protocol):
    """One running request; iterate for its outputs. Leaving the `with` block early aborts it."""

    request_id: str

    def next(self, timeout: float | None = None) -> RequestOutput | None:
        """The next output; None when `timeout` seconds pass without one.

        Raises:
            StopIteration: the final output was taken already.
            KeepwarmError: the engine died or the step failed (as the final event).
        """

    def __iter__(self) -> Iterator[RequestOutput]: ...

    def abort(self) -> None:
        """Stop the request and free its blocks; no effect on one that ended."""

    def __enter__(self) -> GenerationStream: ...

    def __exit__(self, *exc_info: object) -> None: ...


class EngineClient(Protocol):
    """Submits requests to one engine and follows them."""

    @property
    def tokenizer(self) -> Tokenizer:
        """The checkpoint's tokenizer and chat template."""

    @property
    def model_info(self) -> ModelInfo:
        """Raises EngineUnavailable while the engine is still loading."""

    @property
    def state(self) -> EngineState:
        """Where the engine stands now."""

    @property
    def failure(self) -> str | None:
        """One sentence on why the engine is dead, None while it is not."""

    def submit(
        self,
        prompt: str | list[int],
        params: SamplingParams,
        *,
        request_id: str | None = None,
        cache_salt: str = "",
        deadline: float | None = None,
        label: str = "",
    ) -> GenerationStream:
        """Queue one sequence and return at once.

        Args:
            prompt: rendered text, special tokens included, or token ids.
            params: how to choose tokens.
            request_id: made up when None; must not be in use.
            cache_salt: prompts share KV blocks only under equal salts (a tenant's id).
            deadline: `time.monotonic()` at which the answer is cut with FinishReason.DEADLINE.
            label: whose blocks they are in `kv_usage`; no secret and no name, for it is shown.

        Raises:
            ContextLengthExceeded: prompt plus max_tokens can never fit.
            InvalidRequest: empty prompt, token id outside the vocabulary.
            Overloaded: too many requests wait already.
            EngineUnavailable: loading, draining or dead.
        """

    def stats(self) -> EngineStats:
        """The engine's latest snapshot; costs nothing and never waits."""

    def kv_usage(self, timeout: float = 1.0) -> KVUsage | None:
        """Who has how much of the KV cache, asked of the engine between two steps.

        None where there are no blocks. While a step lasts longer than `timeout` seconds, the
        answer before this one.

        Raises:
            EngineUnavailable: loading or dead, or no answer in that time and none before.
        """

    def drain(self) -> None:
        """Take no new work; what runs goes on."""

    def shutdown(self, timeout: float = 0.0) -> None:
        """End the engine, giving running requests `timeout` seconds, then FinishReason.SHUTDOWN."""
