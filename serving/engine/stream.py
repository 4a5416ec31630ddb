"""One running request on the client's side."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator

from serving.engine.output import OutputAssembler
from serving.errors import EngineDead, error_from_code
from serving.request import FinishReason, RequestOutput, TokenDelta


class Stream:
    """Follows one request; see `protocol.GenerationStream`.

    The client's reader thread feeds it; one caller's thread takes from it. Text is assembled when
    a delta arrives, not when it is taken: a stop string then ends the request in the engine even
    if the caller is slow.
    """

    def __init__(
        self,
        key: str,
        assembler: OutputAssembler,
        *,
        deadline: float | None,
        on_close: Callable[[Stream, bool], None],
    ) -> None:
        self.key = key  # its name in the engine, never used twice
        self.request_id = assembler.request_id
        self.assembler = assembler
        self.started_at = time.monotonic()
        self._deadline = deadline
        self._on_close = on_close
        self._outputs: queue.SimpleQueue[RequestOutput] = queue.SimpleQueue()
        self._lock = threading.RLock()  # the reader feeds while the caller may end it
        self._closed = False  # no more deltas are taken
        self._exhausted = False  # the caller has the last output

    def feed(self, delta: TokenDelta) -> None:
        """Take what a step gave; from the reader thread."""
        with self._lock:
            output = None if self._closed else self.assembler.feed(delta)
            if output is None:
                return
            if output.finish_reason is not None:
                self._close(output, abort=delta.finish_reason is None)
            else:
                self._outputs.put(output)
                if self._deadline is not None:
                    self._end_if_late(self._deadline)

    def _end_if_late(self, deadline: float) -> None:
        """A caller who reads slowly must not keep the engine at work past the deadline."""
        if time.monotonic() >= deadline:
            self.end(FinishReason.DEADLINE)

    def end(
        self, reason: FinishReason, *, error_code: str | None = None, message: str | None = None
    ) -> None:
        """End it from this side: deadline, abort, shutdown, a dead engine."""
        with self._lock:
            if self._closed:
                return
            output = self.assembler.finish(reason, error_code=error_code, error_message=message)
            self._close(output, abort=reason is not FinishReason.ERROR)

    def abort(self) -> None:
        """Stop the request and free its blocks; no effect on one that ended."""
        self.end(FinishReason.ABORT)

    def next(self, timeout: float | None = None) -> RequestOutput | None:
        """See GenerationStream.next."""
        if self._exhausted:
            raise StopIteration
        output = self._wait(timeout)
        if output is None:
            return None
        self._exhausted = output.finished
        if output.finish_reason is FinishReason.ERROR:
            code = output.error_code or EngineDead.code
            raise error_from_code(code, output.error_message or "the engine failed")
        return output

    def _wait(self, timeout: float | None) -> RequestOutput | None:
        """The next output, waiting no longer than the timeout and the deadline allow."""
        now = time.monotonic()
        left = None if self._deadline is None else max(0.0, self._deadline - now)
        limits = [limit for limit in (timeout, left) if limit is not None]
        try:
            return self._outputs.get(timeout=min(limits) if limits else None)
        except queue.Empty:
            if self._deadline is None or time.monotonic() < self._deadline:
                return None
            self.end(FinishReason.DEADLINE)
            return self._outputs.get()

    def __iter__(self) -> Iterator[RequestOutput]:
        while not self._exhausted:
            output = self.next()
            if output is not None:
                yield output

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.abort()

    def _close(self, output: RequestOutput, *, abort: bool) -> None:
        self._closed = True
        self._outputs.put(output)
        self._on_close(self, abort)
