"""One invocation of the function, read on a thread of its own, so that waiting can have an end.

Whoever waits may leave: the thread reads on to the end of the answer, and the function never learns
that its caller has gone.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from local.lambda_answer import StreamBroken, StreamedAnswer
from local.lambda_function import Throttled

log = logging.getLogger(__name__)


class StreamingFunction(Protocol):
    """What is invoked; `local.lambda_function.LambdaFunction` is one."""

    def invoke_streaming(self, event: object) -> StreamedAnswer:
        """Status, headers and payload. Raises Throttled."""


class InvocationFailed(Exception):
    """The function could not be invoked at all."""


class Silence(Exception):
    """Nothing came for as long as is waited."""


@dataclass(frozen=True)
class Head:
    """Status and headers of the answer."""

    status: int
    headers: list[tuple[str, str]]


class _End:
    """The answer is whole."""


_Item = Head | bytes | _End | Exception


class LambdaCall:
    """An invocation under way: `head`, then `pieces`.

    Args:
        function: is invoked at once.
        event: what it gets.
        idle_s: longest wait for the next packet.
        total_s: longest time for the whole answer.
    """

    def __init__(
        self, function: StreamingFunction, event: object, *, idle_s: float, total_s: float
    ) -> None:
        self._idle_s = idle_s
        self._deadline = time.monotonic() + total_s
        self._items: queue.SimpleQueue[_Item] = queue.SimpleQueue()
        self._left = threading.Event()
        threading.Thread(target=self._run, args=(function, event), daemon=True).start()

    def head(self) -> Head:
        """Status and headers.

        Raises:
            Throttled: all environments are busy.
            InvocationFailed: the function cannot be run.
            Silence: it takes too long.
        """
        item = self._next()
        if isinstance(item, Exception):
            raise item
        if not isinstance(item, Head):
            raise InvocationFailed("an answer without a head")
        return item

    def pieces(self) -> Iterator[bytes]:
        """The payload as it comes.

        Raises:
            StreamBroken: the function failed in mid-answer.
            Silence: the pause was too long, or the time for the whole is over.
        """
        while not isinstance(item := self._next(), _End):
            if isinstance(item, Exception):
                raise item
            if isinstance(item, bytes):
                yield item

    def leave(self) -> None:
        """What comes from now on is thrown away; the function goes on."""
        self._left.set()

    def _next(self) -> _Item:
        wait = min(self._idle_s, self._deadline - time.monotonic())
        try:
            return self._items.get(timeout=max(wait, 0.0))
        except queue.Empty:
            raise Silence from None

    def _run(self, function: StreamingFunction, event: object) -> None:
        try:
            answer = function.invoke_streaming(event)
            self._items.put(Head(answer.status, answer.headers))
            for piece in answer.pieces:
                if not self._left.is_set():
                    self._items.put(piece)
        except (Throttled, StreamBroken) as error:
            self._items.put(error)
        except Exception as error:  # whatever keeps it from running, the caller gets an answer
            log.error("the function could not be invoked: %s", type(error).__name__)
            self._items.put(InvocationFailed(type(error).__name__))
        else:
            self._items.put(_End())
