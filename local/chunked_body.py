"""Reading a chunked request body with trailers, which http.server leaves to its user."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO

MAX_LINE = 64 * 1024  # an error's body rides in a trailer
MAX_TRAILERS = 16
READ_SIZE = 64 * 1024

_SIZE = re.compile(rb"[0-9A-Fa-f]{1,15}")


class ChunkedBodyError(ValueError):
    """The body is not framed as it says, or ended before its end."""


class ChunkedBody:
    """Iterating yields the data as it comes; afterwards `trailers` holds the trailers."""

    def __init__(self, source: BinaryIO) -> None:
        self._source = source
        self.trailers: dict[str, str] = {}

    def __iter__(self) -> Iterator[bytes]:
        while size := self._chunk_size():
            yield from self._chunk(size)
        self._read_trailers()

    def _chunk_size(self) -> int:
        text = self._line().partition(b";")[0].strip()
        if not _SIZE.fullmatch(text):
            raise ChunkedBodyError("a chunk does not begin with its size")
        return int(text, 16)

    def _chunk(self, size: int) -> Iterator[bytes]:
        left = size
        while left:
            data = self._source.read(min(left, READ_SIZE))
            if not data:
                raise ChunkedBodyError("the body ended inside a chunk")
            left -= len(data)
            yield data
        if self._line() != b"":
            raise ChunkedBodyError("a chunk is longer than its size")

    def _read_trailers(self) -> None:
        for _ in range(MAX_TRAILERS):
            line = self._line()
            if not line:
                return
            name, _, value = line.decode("latin-1").partition(":")
            self.trailers[name.strip().lower()] = value.strip()
        raise ChunkedBodyError("there are too many trailers")

    def _line(self) -> bytes:
        line = self._source.readline(MAX_LINE)
        if not line.endswith(b"\n"):
            raise ChunkedBodyError("the body ended inside a line")
        return line.rstrip(b"\r\n")
