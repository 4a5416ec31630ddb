"""A generation over one stream of server-sent events, whatever carries the bytes.

open (own thread) -> bytes -> SseParser -> AnswerReader -> items
"""

from __future__ import annotations

import threading
from collections.abc import Iterator

from orchestrator_lambda.backends.answer import AnswerReader
from orchestrator_lambda.backends.failures import AnswerBroken, cancelled, too_late
from orchestrator_lambda.backends.interface import Item
from orchestrator_lambda.backends.opening import ByteStream, Opening, OpenStream
from orchestrator_lambda.backends.sse import SseParser

REST_S = 1.0
MAX_REST_BYTES = 65536


class StreamGeneration:
    """One answer; nothing is sent before it is iterated, which is possible once.

    Args:
        backend: name for the receipt.
        open_stream: sends the request.
        deadline_ms: the answer is cut when it has taken so long, opening included.
    """

    def __init__(
        self, backend: str, open_stream: OpenStream, *, deadline_ms: int | None = None
    ) -> None:
        self._reader = AnswerReader(backend)
        self._open_stream = open_stream
        self._deadline_ms = deadline_ms
        self._lock = threading.Lock()
        self._begun = False
        self._ended: AnswerBroken | None = None
        self._opening: Opening | None = None
        self._stream: ByteStream | None = None
        self._reading = False

    def __iter__(self) -> Iterator[Item]:
        """The items; see the interface."""
        if self._begun:
            raise RuntimeError("a generation is iterated once")
        self._begun = True
        return self._items()

    def close(self) -> None:
        """Cancel. Its reader, in whatever it waits, gets AnswerBroken (cancelled)."""
        self._end(cancelled())

    def _items(self) -> Iterator[Item]:
        timer = self._start_timer()
        try:
            yield from self._read(self._opened())
        except Exception:
            if self._ended is not None:
                raise self._ended from None
            raise
        finally:
            timer.cancel()
            self._forget()

    def _start_timer(self) -> threading.Timer:
        timer = _timer((self._deadline_ms or 0) / 1000, lambda: self._end(too_late()))
        if self._deadline_ms is not None:
            timer.start()
        return timer

    def _opened(self) -> ByteStream:
        with self._lock:
            if self._ended is None:
                self._opening = Opening(self._open_stream)
        stream = None if self._opening is None else self._opening.wait()
        with self._lock:
            self._stream = stream
        if stream is None:
            raise cancelled()
        return stream

    def _read(self, stream: ByteStream) -> Iterator[Item]:
        parser, reader = SseParser(), self._reader
        pieces = iter(stream)
        while (piece := self._next(pieces)) is not None:
            for data in parser.feed(piece):
                yield from reader.read(data)
            if reader.receipt is not None:
                self._take_rest(stream, pieces)
                return
        reader.end()

    def _next(self, pieces: Iterator[bytes]) -> bytes | None:
        """The next piece; None at the end. Raises what the generation was ended with."""
        with self._lock:
            self._check()
            self._reading = True
        try:
            piece = next(pieces, None)
        finally:
            with self._lock:
                self._reading = False
        self._check()
        return piece

    def _take_rest(self, stream: ByteStream, pieces: Iterator[bytes]) -> None:
        """Read what follows the receipt, which lets the connection be used again. Not for long."""
        timer = _timer(REST_S, stream.interrupt)
        timer.start()
        left = MAX_REST_BYTES
        try:
            while left > 0 and (piece := self._next(pieces)) is not None:
                left -= len(piece)
        except Exception:
            return  # the answer is verified: how its connection ends does not matter
        finally:
            timer.cancel()

    def _check(self) -> None:
        if self._ended is not None:
            raise self._ended

    def _end(self, why: AnswerBroken) -> None:
        """A read that waits is woken, and its reader closes; without a reader we do it here."""
        with self._lock:
            self._ended = self._ended or why
            if self._stream is not None and self._reading:
                self._stream.interrupt()
            elif self._stream is not None:
                self._stream.close()
            elif self._opening is not None:
                self._opening.abandon()

    def _forget(self) -> None:
        with self._lock:
            stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()
        elif self._opening is not None:
            self._opening.abandon()


def _timer(seconds: float, action: object) -> threading.Timer:
    timer = threading.Timer(seconds, action)  # type: ignore[arg-type]
    timer.daemon = True
    return timer
