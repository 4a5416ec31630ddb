"""The engine as one request sees it: its deadline, its client, and nothing left running after it.

predict_fn -> RequestEngine.submit -> EngineClient.submit
              RequestStream.next   -> waits in short steps, and looks at the client in between
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator

from container.context import RequestContext
from container.errors import ClientGone, EngineStalled
from serving.engine.protocol import EngineClient, EngineState, GenerationStream
from serving.errors import KeepwarmError, error_from_code
from serving.request import EngineStats, FinishReason, KVUsage, ModelInfo, RequestOutput, Usage
from serving.sampling_params import SamplingParams
from serving.tokenizer import Tokenizer

POLL_S = 0.25
STALL_GRACE_S = 2.0
NEVER = float("inf")


class RequestStream:
    """A generation stream that ends with its client; obeys `GenerationStream`.

    Beside `for output in stream` there is `async for output in stream`.
    """

    def __init__(self, inner: GenerationStream, scope: RequestEngine) -> None:
        self.request_id = inner.request_id
        self.last: RequestOutput | None = None
        self._inner = inner
        self._scope = scope

    @property
    def finished(self) -> bool:
        """Whether the last output was taken."""
        return self.last is not None and self.last.finished

    def next(self, timeout: float | None = None) -> RequestOutput | None:
        """The next output; None when `timeout` seconds pass without one.

        Raises:
            StopIteration: the last output was taken already.
            ClientGone: the client went away; the request's streams are aborted.
            KeepwarmError: the engine failed.
        """
        give_up = NEVER if timeout is None else time.monotonic() + timeout
        while True:
            self._scope.check()
            wait = min(POLL_S, give_up - time.monotonic())
            output = self._inner.next(timeout=max(wait, 0.0))
            if output is not None:
                return self._taken(output)
            if time.monotonic() >= give_up:
                return None

    def _taken(self, output: RequestOutput) -> RequestOutput:
        self.last = output
        if output.finish_reason is FinishReason.ERROR:
            raise error_from_code(
                output.error_code or "generation_failed",
                output.error_message or "the engine failed this request",
            )
        return output

    def __iter__(self) -> Iterator[RequestOutput]:
        while (output := self._next_or_end()) is not None:
            yield output

    async def __aiter__(self) -> AsyncIterator[RequestOutput]:
        while (output := await asyncio.to_thread(self._next_or_end)) is not None:
            yield output

    def _next_or_end(self) -> RequestOutput | None:
        """The next output, waited for; None after the last."""
        try:
            return self.next()
        except StopIteration:
            return None

    def abort(self) -> None:
        """Stop the request and free its blocks; no effect on one that ended."""
        self._inner.abort()

    def __enter__(self) -> RequestStream:
        return self

    def __exit__(self, *exc_info: object) -> None:
        if not self.finished:
            self.abort()


class RequestEngine:
    """An engine client for the time of one request; obeys `EngineClient`."""

    def __init__(self, engine: EngineClient, context: RequestContext) -> None:
        self._engine = engine
        self._context = context
        self._streams: list[RequestStream] = []
        self._next_look = 0.0

    @property
    def tokenizer(self) -> Tokenizer:
        """The model's tokenizer."""
        return self._engine.tokenizer

    @property
    def model_info(self) -> ModelInfo:
        """What the engine serves."""
        return self._engine.model_info

    @property
    def state(self) -> EngineState:
        """The engine's state."""
        return self._engine.state

    @property
    def failure(self) -> str | None:
        """Why the engine is dead."""
        return self._engine.failure

    def submit(
        self,
        prompt: str | list[int],
        params: SamplingParams,
        *,
        request_id: str | None = None,
        cache_salt: str = "",
        deadline: float | None = None,
        label: str = "",
    ) -> RequestStream:
        """Queue one sequence in the continuous batch, under the request's deadline and label.

        Raises what `EngineClient.submit` raises.
        """
        limit = self._context.deadline
        inner = self._engine.submit(
            prompt,
            params,
            request_id=request_id,
            cache_salt=cache_salt,
            deadline=limit if deadline is None else min(limit, deadline),
            label=label or self._context.label,
        )
        stream = RequestStream(inner, self)
        self._streams.append(stream)
        return stream

    def stats(self) -> EngineStats:
        """The engine's latest snapshot."""
        return self._engine.stats()

    def kv_usage(self, timeout: float = 1.0) -> KVUsage | None:
        """Who has how much of the KV cache."""
        return self._engine.kv_usage(timeout)

    def drain(self) -> None:
        """Drain the engine itself."""
        self._engine.drain()

    def shutdown(self, timeout: float = 0.0) -> None:
        """Shut the engine itself down."""
        self._engine.shutdown(timeout)

    @property
    def usage(self) -> Usage:
        """Tokens of everything that the request has submitted."""
        usages = [stream.last.usage for stream in self._streams if stream.last is not None]
        return Usage(
            prompt_tokens=sum(usage.prompt_tokens for usage in usages),
            completion_tokens=sum(usage.completion_tokens for usage in usages),
            cached_tokens=sum(usage.cached_tokens for usage in usages),
        )

    def check(self) -> None:
        """End everything if nobody waits for it any more. Looks at the socket every POLL_S.

        Raises:
            ClientGone: the client closed its connection.
            EngineStalled: the deadline is over, and the engine did not keep it.
        """
        now = time.monotonic()
        if now < self._next_look:
            return
        self._next_look = now + POLL_S
        if self._context.client.is_gone():
            self._give_up(ClientGone("the client closed the connection"))
        if now > self._context.deadline + STALL_GRACE_S:
            self._give_up(EngineStalled("the engine gave no answer within the request's time"))

    def _give_up(self, error: KeepwarmError) -> None:
        self.close()
        raise error

    def close(self) -> None:
        """Abort what still runs: no sequence outlives its request."""
        for stream in self._streams:
            if not stream.finished:
                stream.abort()
