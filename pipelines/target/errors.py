"""How an endpoint can fail us.

StagingError
`-- TargetError
    |-- Refused         it answered with an error status
    |-- Unreachable     nothing answered, or not in time
    `-- Interrupted     the answer began and broke off
"""

from __future__ import annotations

import json

from pipelines.errors import StagingError

MOST_CHARACTERS = 300


class TargetError(StagingError):
    """Base of what a target raises."""


class Unreachable(TargetError):
    """Nothing answered, or not in time."""


class Interrupted(TargetError):
    """The answer began and broke off."""


class Refused(TargetError):
    """An error status; the message holds what the server said.

    Attributes:
        status: the container's HTTP status, or what stands for it.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"HTTP {status}: {message}" if message else f"HTTP {status}")
        self.status = status


def sentence_of(body: bytes | str) -> str:
    """What an error body says, whichever of the usual shapes it has."""
    text = body.decode("utf-8", errors="replace") if isinstance(body, bytes) else body
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        content = None
    if isinstance(content, dict):
        found = content.get("error") or content.get("detail") or content.get("message")
        found = found.get("message") if isinstance(found, dict) else found
        text = str(found or "")
    return " ".join(text.split())[:MOST_CHARACTERS]
