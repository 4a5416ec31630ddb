"""Opening a stream on a thread of its own, so that its reader need not wait for it.

Until the backend's first byte a client library gives nothing that could be closed. The reader here
walks away when it is told to, and the stream, if it is ever opened, is closed unread.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from typing import Protocol

from orchestrator_lambda.observability.spans import carried


class ByteStream(Protocol):
    """The bytes of an answer, in whatever pieces they come."""

    def __iter__(self) -> Iterator[bytes]:
        """The pieces. Raises BackendError when the stream breaks."""

    def interrupt(self) -> None:
        """From another thread: end a read that is under way, now."""

    def close(self) -> None:
        """While nobody reads; repeatable. Read to its end, its connection is kept for others."""


OpenStream = Callable[[], ByteStream]


class Opening:
    """A stream that is being opened."""

    def __init__(self, open_stream: OpenStream) -> None:
        self._open_stream = open_stream
        self._results: queue.SimpleQueue[ByteStream | BaseException | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._abandoned = False
        threading.Thread(target=carried(self._run), name="opening", daemon=True).start()

    def wait(self) -> ByteStream | None:
        """The stream; None if it was abandoned before it came. Raises what opening it raised."""
        result = self._results.get()
        if isinstance(result, BaseException):
            raise result
        return result

    def abandon(self) -> None:
        """Let the waiting reader go. Callable from any thread, repeatable."""
        with self._lock:
            self._abandoned = True
        self._results.put(None)

    def _run(self) -> None:
        try:
            stream = self._open_stream()
        except BaseException as error:
            self._results.put(error)
            return
        with self._lock:
            unwanted = self._abandoned
            if not unwanted:
                self._results.put(stream)
        if unwanted:
            stream.close()
