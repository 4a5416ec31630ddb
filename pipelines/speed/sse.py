"""Server-sent events out of bytes that were cut anywhere."""

from __future__ import annotations

import json
from typing import Any

from pipelines.speed.errors import StreamBroken

DONE = "[DONE]"


class EventDecoder:
    """Collects bytes and gives back the data of each event that became complete.

    Works on bytes, so neither a cut inside a character nor a U+2028 inside the JSON can split a
    line. Ids, event names and comments are skipped: chat completions use data alone.
    """

    def __init__(self) -> None:
        self._buffer = b""
        self._data: list[str] = []

    def feed(self, chunk: bytes) -> list[str]:
        """Data of the events that `chunk` completes, in order."""
        *lines, self._buffer = (self._buffer + chunk).split(b"\n")
        events: list[str] = []
        for line in lines:
            self._take_line(line.removesuffix(b"\r"), events)
        return events

    def _take_line(self, line: bytes, events: list[str]) -> None:
        if not line:
            if self._data:
                events.append("\n".join(self._data))
            self._data = []
        elif line.startswith(b"data:"):
            value = line.removeprefix(b"data:").removeprefix(b" ")
            self._data.append(value.decode("utf-8", errors="replace"))


def parse_event(data: str) -> dict[str, Any]:
    """The JSON object of one event.

    Raises:
        StreamBroken: not a JSON object, or an object that reports an error.
    """
    try:
        event = json.loads(data)
    except ValueError as error:
        raise StreamBroken(f"an event is not JSON: {error}") from error
    if not isinstance(event, dict):
        raise StreamBroken(f"an event is a JSON {type(event).__name__}, not an object")
    if event.get("error"):
        raise StreamBroken(f"the server reported: {error_message(event['error'])}")
    return event


def error_message(error: object) -> str:
    """The sentence of an OpenAI-style error, which some servers send as a bare string."""
    if isinstance(error, dict):
        return str(error.get("message") or error.get("code") or "an error without a message")
    return str(error)
