"""What a reader asks for, before anything is stored of it."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from orchestrator_lambda.errors import InvalidRequest
from orchestrator_lambda.identity.record import Identity

_KEY = re.compile(r"[\x21-\x7e]{1,128}")


class Kind(StrEnum):
    """The three ways to begin a turn."""

    POST = "post"  # a new message below `target`, or below the head
    EDIT = "edit"  # a new message beside the user's message `target`
    REGENERATE = "regenerate"  # a new answer beside the answer `target`


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One request for a turn.

    Attributes:
        target: seq of a message, as `kind` says; None for a post below the head.
        content: the new message; empty for a regeneration.
        key: the client's idempotency key; None if it sent none.
    """

    identity: Identity
    conversation_id: str
    kind: Kind = Kind.POST
    content: str = ""
    target: int | None = None
    sampling: Mapping[str, Any] = field(default_factory=dict)
    key: str | None = None
    trace: Mapping[str, str] = field(default_factory=dict)
    request_id: str = ""

    @property
    def digest(self) -> str:
        """Of what is asked; the same key must always come with the same one."""
        parts = [self.kind.value, self.content, self.target, dict(self.sampling)]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def check_key(key: str | None) -> str | None:
    """An idempotency key as it may be stored.

    Raises:
        InvalidRequest: it is too long or not printable ASCII.
    """
    if key is None or _KEY.fullmatch(key):
        return key
    raise InvalidRequest(
        "Idempotency-Key must be 1 to 128 printable ASCII characters without spaces",
        param="Idempotency-Key",
    )


def fresh_key() -> str:
    """A key for a request that brought none."""
    return f"own-{secrets.token_hex(16)}"
