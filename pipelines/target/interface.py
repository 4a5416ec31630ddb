"""What evaluation and benchmark need of an endpoint; a fake of it needs a few lines."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any, Protocol

Body = Mapping[str, Any]
Pieces = Generator[bytes, None, None]


class Target(Protocol):
    """An endpoint that takes OpenAI's bodies on `/invocations`. Used by many threads at a time."""

    @property
    def name(self) -> str:
        """The endpoint's name or URL, for people."""

    def invoke(self, body: Body) -> dict[str, Any]:
        """The whole answer.

        Raises:
            TargetError: refused, unreachable, or no JSON object.
        """

    def stream(self, body: Body) -> Pieces:
        """The bytes of a streamed answer as they arrive, cut anywhere; closing it hangs up.

        Raises:
            TargetError: while it is read.
        """
