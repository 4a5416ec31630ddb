"""What the two kinds of connection share: time limits, and ending a read from another thread."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from orchestrator_lambda.backends.failures import STALLED, AnswerBroken


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Times and sizes of connections.

    Attributes:
        connect_s: for the TCP and TLS handshake.
        stall_s: longest silence within an answer; above the container's heartbeat (15 s).
        pool: connections kept open.
    """

    connect_s: float = 2.0
    stall_s: float = 20.0
    pool: int = 8


KEEPALIVE_OPTIONS = [
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
]


def interrupt(response: Any) -> None:
    """End whatever read of a urllib3 response is under way in another thread.

    Closing it from here would wait for that read: it holds the buffer's lock.
    """
    with contextlib.suppress(OSError, RuntimeError, ValueError):  # it has ended by itself
        response.shutdown()


@contextlib.contextmanager
def reading() -> Iterator[None]:
    """What urllib3 raises while a body is read, as broken answers."""
    from urllib3.exceptions import HTTPError, ReadTimeoutError

    try:
        yield
    except (ReadTimeoutError, TimeoutError):
        raise stalled() from None
    except (HTTPError, OSError):
        raise reset() from None


def stalled() -> AnswerBroken:
    """Nothing came for too long, not even a heartbeat."""
    return AnswerBroken("the model fell silent", reason=STALLED)


def reset() -> AnswerBroken:
    """The connection ended before the answer."""
    return AnswerBroken("the connection to the model broke", reason="reset")
