"""Whether the client is still there: asked of its socket, without reading from it."""

from __future__ import annotations

import select
import socket

PEER_CLOSED = select.POLLHUP | select.POLLERR | getattr(select, "POLLRDHUP", 0)


class ClientSocket:
    """The connection of one request. Without a socket (in tests) the client never goes away."""

    def __init__(self, connection: socket.socket | None) -> None:
        self._connection = connection

    def is_gone(self) -> bool:
        """Whether the client has closed its end. Never blocks, never takes a byte."""
        connection = self._connection
        if connection is None:
            return False
        try:
            poller = select.poll()
            poller.register(connection, select.POLLIN | PEER_CLOSED)
            events = poller.poll(0)
            if not events:
                return False
            if events[0][1] & PEER_CLOSED:
                return True
            return connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
        except (OSError, ValueError):
            return True

    def limit_waiting(self, seconds: float) -> None:
        """Give up on a client that neither sends nor reads for so long."""
        if self._connection is not None:
            self._connection.settimeout(seconds)
