"""Server-sent events out of bytes that were cut anywhere: in a character, a line end, an event."""

from __future__ import annotations

import re
from collections.abc import Iterator

from orchestrator_lambda.backends.failures import AnswerBroken

MAX_EVENT_BYTES = 1024 * 1024

_LINE_END = re.compile(rb"\r\n|\r|\n")
_BOM = b"\xef\xbb\xbf"


class SseParser:
    r"""Gives the data of each event as soon as the blank line after it has come.

    Lines end in LF, CR or CRLF; comments and all fields but `data` are skipped; an event that the
    stream's end cut off is never given. Never holds more than `max_bytes` of one event.

        b"data: {\"a\":"   ->
        b"1}\n\ndata: [D"  -> {"a":1}
    """

    def __init__(self, max_bytes: int = MAX_EVENT_BYTES) -> None:
        self._max_bytes = max_bytes
        self._pieces: list[bytes] = []  # of the line that has not ended
        self._data: list[bytes] = []  # lines of the event that has not ended
        self._held = 0
        self._after_cr = False
        self._at_start = True

    def feed(self, chunk: bytes) -> Iterator[str]:
        """Take the next bytes, and give the data of the events that they end.

        Raises:
            AnswerBroken: the data is no UTF-8, or an event is longer than allowed.
        """
        if self._after_cr and chunk.startswith(b"\n"):
            chunk = chunk[1:]
            self._after_cr = False
        if not chunk:
            return
        self._after_cr = chunk.endswith(b"\r")
        *lines, rest = _LINE_END.split(chunk)
        for line in lines:
            self._hold(line)
            yield from self._line_ended()
        if rest:
            self._hold(rest)

    def _hold(self, piece: bytes) -> None:
        self._held += len(piece)
        if self._held > self._max_bytes:
            raise AnswerBroken("the model's stream holds an endless event", reason="garbage")
        self._pieces.append(piece)

    def _line_ended(self) -> Iterator[str]:
        line = b"".join(self._pieces)
        self._pieces.clear()
        if self._at_start:
            self._at_start = False
            line = line.removeprefix(_BOM)
        if line:
            self._field(line)
            return
        data, self._data, self._held = self._data, [], 0
        if data:
            yield _decoded(b"\n".join(data))

    def _field(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        if name == b"data":
            self._data.append(value.removeprefix(b" "))
        else:
            self._held -= len(line)


def _decoded(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise AnswerBroken("the model's stream is not UTF-8", reason="garbage") from None
