"""One invocation on its way through the stand-in: from the caller to the runtime, and back."""

from __future__ import annotations

import json
import queue
import secrets
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Begun:
    """The answer has begun; streaming says whether its pieces come as they are made."""

    streaming: bool
    content_type: str


@dataclass(frozen=True)
class Piece:
    """Bytes of the answer."""

    data: bytes


@dataclass(frozen=True)
class Completed:
    """The answer is whole."""


@dataclass(frozen=True)
class Failed:
    """The function failed, before its answer or in the middle of it."""

    error_type: str
    message: str = ""


Happening = Begun | Piece | Completed | Failed


class FunctionError(Exception):
    """The function failed; `error_type` is the runtime's or Lambda's name for it."""

    def __init__(self, error_type: str, message: str) -> None:
        super().__init__(f"{error_type}: {message}")
        self.error_type = error_type
        self.message = message


class Invocation:
    """One event, and what happens to its answer; read by one thread.

    Args:
        traced: X-Ray has sampled it; not, by default.
    """

    def __init__(self, event: object, timeout_s: float, *, traced: bool = False) -> None:
        self.request_id = str(uuid.uuid4())
        self.payload = event if isinstance(event, bytes) else json.dumps(event).encode()
        root = f"1-{int(time.time()):08x}-{secrets.token_hex(12)}"
        self.trace_id = f"Root={root};Parent={secrets.token_hex(8)};Sampled={int(traced)}"
        self._timeout_s = timeout_s
        self._happenings: queue.SimpleQueue[Happening] = queue.SimpleQueue()
        self.deadline: float | None = None
        self.answered = False

    def dispatched(self) -> int:
        """The runtime gets it now; Unix milliseconds of its deadline."""
        self.deadline = time.time() + self._timeout_s
        return int(self.deadline * 1000)

    @property
    def overdue(self) -> bool:
        """Whether its time is up."""
        return self.deadline is not None and time.time() > self.deadline

    def note(self, happening: Happening) -> None:
        """Hand on what happened."""
        if isinstance(happening, Completed | Failed):
            self.answered = True
        self._happenings.put(happening)

    def happenings(self) -> Iterator[Happening]:
        """What happens, as it does, up to the end."""
        while True:
            happening = self._happenings.get()
            yield happening
            if isinstance(happening, Completed | Failed):
                return
