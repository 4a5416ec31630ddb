"""Server-sent events out of bytes that may be cut anywhere."""

from __future__ import annotations

from collections.abc import Iterator

MAX_EVENT_BYTES = 16 * 1024 * 1024


class SseParser:
    """Feed it bytes as they come; it gives the `data` of each event that is complete.

    Only whole lines are decoded, so a cut in the middle of a character does no harm. Comments,
    other fields and an event without its closing blank line are dropped.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[str] = []

    def feed(self, chunk: bytes) -> Iterator[str]:
        """Data of the events that `chunk` completes.

        Raises:
            ValueError: an event larger than 16 MiB, or text that is not UTF-8.
        """
        *lines, self._rest = _split_lines(self._rest + chunk)
        if len(self._rest) > MAX_EVENT_BYTES:
            raise ValueError("an event is larger than 16 MiB")
        for line in lines:
            if line:
                self._take_field(line.decode("utf-8"))
            elif self._data:
                event, self._data = "\n".join(self._data), []
                yield event

    def _take_field(self, line: str) -> None:
        name, _, value = line.partition(":")
        if name == "data":
            self._data.append(value.removeprefix(" "))


def _split_lines(data: bytes) -> list[bytes]:
    """Lines, and what follows the last line end. A final CR waits: an LF may belong to it."""
    held = b""
    if data.endswith(b"\r"):
        data, held = data[:-1], b"\r"
    lines = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    lines[-1] += held
    return lines
