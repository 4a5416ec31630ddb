"""The two ways through the model's functions.

batched lane         model_fn returned an engine client: requests run side by side, what they
                     submit shares the engine's steps
compatibility lane   model_fn returned anything else: its predict_fn computes by itself, so a
                     fixed number of requests (1 by default) are in it at a time
"""

from __future__ import annotations

import asyncio
import inspect
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

from container.context import RequestContext
from container.errors import ClientGone
from serving.errors import Overloaded

POLL_S = 0.25


class Lane(Protocol):
    """Lets requests in."""

    name: str

    def enter(self, context: RequestContext) -> AbstractContextManager[None]:
        """Hold a place until the answer is complete."""


class BatchedLane:
    """Lets everybody in: the engine does the queueing."""

    name = "batched"

    def enter(self, context: RequestContext) -> AbstractContextManager[None]:
        """Nothing to wait for."""
        return nullcontext()


class CompatibilityLane:
    """Lets `places` requests in at a time; the others wait until their deadline."""

    name = "compatibility"

    def __init__(self, places: int) -> None:
        self._places = threading.BoundedSemaphore(places)

    def enter(self, context: RequestContext) -> AbstractContextManager[None]:
        """Wait for a place.

        Raises:
            ClientGone: the client went away while it waited.
            Overloaded: the deadline came first.
        """
        while not self._places.acquire(timeout=POLL_S):
            if context.client.is_gone():
                raise ClientGone("the client closed the connection")
            if time.monotonic() >= context.deadline:
                raise Overloaded(
                    "the model is busy; it computes one request at a time", retry_after_ms=1000
                )
        return _Place(self._places.release)


class _Place(AbstractContextManager[None]):
    """A place in a lane; given back once, however often it is left."""

    def __init__(self, release: Callable[[], None]) -> None:
        self._release: Callable[[], None] | None = release

    def __exit__(self, *exc_info: object) -> None:
        release, self._release = self._release, None
        if release is not None:
            release()


def settled(result: Any) -> Any:
    """A coroutine's result, an async generator as an ordinary iterator; anything else as it is.

    Each has an event loop of its own in the request's thread, so that a function that blocks
    holds up its own request alone.
    """
    if inspect.iscoroutine(result):
        return settled(asyncio.run(result))
    if inspect.isasyncgen(result) or isinstance(result, AsyncIterator):
        return _drive(result)
    return result


def _drive(items: AsyncIterator[Any]) -> Iterator[Any]:
    """The items of an async iterator; it is closed when the reader stops."""
    with asyncio.Runner() as runner:
        try:
            while True:
                try:
                    yield runner.run(_next_of(items))
                except StopAsyncIteration:
                    return
        finally:
            close = getattr(items, "aclose", None)
            if close is not None:
                runner.run(_awaited(close()))


async def _next_of(items: AsyncIterator[Any]) -> Any:
    return await anext(items)


async def _awaited(coroutine: Coroutine[Any, Any, None]) -> None:
    await coroutine
