"""One HTTP request to the container, read on a thread of its own.

The reader thread turns the answer into events on a queue, so that whoever consumes them can wait
with a deadline, notice that its own client has gone, and break the call off at any moment.
"""

from __future__ import annotations

import contextlib
import http.client
import queue
import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass

CONNECT_TIMEOUT_S = 2.0
QUEUE_DEPTH = 64
READ_SIZE = 65536


@dataclass(frozen=True)
class Head:
    """Status line and headers (names in lower case) of the container's answer."""

    status: int
    headers: dict[str, str]


@dataclass(frozen=True)
class Chunk:
    """Bytes of the body, as they came."""

    data: bytes


@dataclass(frozen=True)
class End:
    """The answer came to its proper end."""


@dataclass(frozen=True)
class Unreachable:
    """Nothing listens at the container's address."""


@dataclass(frozen=True)
class Broken:
    """The connection ended before the answer did."""

    reason: str


Event = Head | Chunk | End | Unreachable | Broken


class ContainerCall:
    """A running request; `next_event` until `End`, `Unreachable` or `Broken`, then `close`."""

    def __init__(
        self, host: str, port: int, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> None:
        self._connection = http.client.HTTPConnection(host, port, timeout=CONNECT_TIMEOUT_S)
        # Kept apart: http.client drops its own once a "Connection: close" answer has begun.
        self._socket: socket.socket | None = None
        self._events: queue.Queue[Event] = queue.Queue(QUEUE_DEPTH)
        self._closed = threading.Event()
        self._thread = threading.Thread(
            target=self._run, args=(method, path, dict(headers), body), daemon=True
        )
        self._thread.start()

    def next_event(self, timeout: float) -> Event | None:
        """The next event, or None when `timeout` seconds pass without one."""
        try:
            return self._events.get(timeout=max(timeout, 0.0))
        except queue.Empty:
            return None

    def close(self) -> None:
        """Break the request off; the container sees its client go away."""
        self._closed.set()
        if self._socket is not None:
            with contextlib.suppress(OSError):  # it may have gone already
                self._socket.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> ContainerCall:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def _run(self, method: str, path: str, headers: dict[str, str], body: bytes) -> None:
        try:
            self._connection.connect()
        except OSError:
            self._put(Unreachable())
            return
        try:
            self._socket = self._connection.sock
            self._socket.settimeout(None)  # the consumer keeps the deadline
            if not self._closed.is_set():
                self._connection.request(method, path, body=body, headers=headers)
                self._read_answer(self._connection.getresponse())
        except (http.client.HTTPException, OSError, ValueError) as error:
            self._put(Broken(type(error).__name__))
        finally:
            self._connection.close()

    def _read_answer(self, response: http.client.HTTPResponse) -> None:
        head = Head(response.status, {name.lower(): text for name, text in response.getheaders()})
        self._put(head)
        expected = int(head.headers.get("content-length", 0))
        received = 0
        while not self._closed.is_set() and (data := response.read1(READ_SIZE)):
            received += len(data)
            self._put(Chunk(data))
        # http.client notices a body cut short when it is chunked, not when it has a length.
        self._put(Broken("body cut short") if received < expected else End())

    def _put(self, event: Event) -> None:
        while not self._closed.is_set():
            try:
                self._events.put(event, timeout=0.2)
                return
            except queue.Full:
                continue
