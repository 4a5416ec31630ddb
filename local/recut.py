"""Cuts a byte stream anew, as the SageMaker runtime does: with no regard for what the bytes mean.

A client that works against these cuts does not lean on events, lines or characters arriving whole.
"""

from __future__ import annotations

import random

MAX_PIECE = 48
MAX_HELD = 3


class Recutter:
    """Re-cuts what the container sent into pieces of random sizes, the same for the same seed.

    The last 1 to 3 bytes of what was fed are held back until more comes, so that no piece ends
    where a chunk of the container (an SSE event) ends. `flush` gives them up.
    """

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 (repeatable cuts, no secret)
        self._held = b""

    @property
    def holds_bytes(self) -> bool:
        """Whether bytes wait for `flush`."""
        return bool(self._held)

    def feed(self, chunk: bytes) -> list[bytes]:
        """Pieces of all that was held and fed, but for a few bytes at the end."""
        data = self._held + chunk
        keep = min(len(data), self._random.randint(1, MAX_HELD))
        self._held = data[len(data) - keep :]
        return self._cut(data[: len(data) - keep])

    def flush(self) -> list[bytes]:
        """What is still held, as the last piece."""
        held, self._held = self._held, b""
        return [held] if held else []

    def _cut(self, data: bytes) -> list[bytes]:
        pieces = []
        start = 0
        while start < len(data):
            end = start + self._random.randint(1, MAX_PIECE)
            pieces.append(data[start:end])
            start = end
        return pieces
