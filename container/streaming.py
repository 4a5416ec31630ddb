"""Server-sent events: each item is one whole event, so that no proxy sees half of one.

A stream ends with the receipt and `[DONE]`. One that fails ends with an error event and without
either: its reader knows it for broken, whatever came before.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec

from container.ledger import Ledger, Piece
from container.protocols.errors import WireError
from container.protocols.writer import AnswerWriter

EVENT_STREAM = "text/event-stream"
DONE = b"data: [DONE]\n\n"
HEARTBEAT = b": waiting\n\n"


def event(content: Any) -> bytes:
    """One event with a JSON value."""
    return b"data: " + msgspec.json.encode(content) + b"\n\n"


def answer_events(
    pieces: Iterable[Piece | None], writer: AnswerWriter, ledger: Ledger, heartbeat_s: float
) -> Iterator[bytes]:
    """The events of one answer; a comment after every `heartbeat_s` seconds of silence."""
    for content in writer.opening():
        yield event(content)
    last = time.monotonic()
    for piece in pieces:
        chunk = None
        if piece is not None:
            ledger.note(piece)
            chunk = writer.chunk(piece)
        if chunk is not None:
            last = time.monotonic()
            yield event(chunk)
        elif time.monotonic() - last >= heartbeat_s:
            last = time.monotonic()
            yield HEARTBEAT
    for content in writer.closing(ledger):
        yield event(content)
    if writer.ends_with_done:
        yield DONE


def ending_with_errors(
    chunks: Iterator[bytes], to_wire: Callable[[Exception], WireError]
) -> Iterator[bytes]:
    """The same events; an exception becomes a last event with the error.

    Args:
        chunks: the events.
        to_wire: says what the client is told of the exception, and notes it.
    """
    try:
        yield from chunks
    except Exception as error:  # every failure must reach the client as an event
        yield event(to_wire(error).content())
