"""What the turns need of Redis. Everything here is a convenience that may be gone at any moment.

No method raises because Redis is down: each has a degraded answer, named in its docstring, and
`degraded` says so. The guard of what is written is DynamoDB's fence, never a lock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True)
class StreamEvent:
    """One buffered event: its id (from 1, rising by one), its kind and its JSON-able data.

    Kinds: `delta` {"text"}, and one terminal event: `done`, `stopped` or `error`.

    Attributes:
        tokens: of the answer's text up to here, at least; for whoever goes on with it.
    """

    seq: int
    kind: str
    data: dict[str, Any]
    tokens: int = 0


class Sessions(Protocol):
    """Shared state of the live conversations."""

    @property
    def degraded(self) -> bool:
        """Whether Redis failed lately, so that answers come from the fallbacks."""

    def acquire(self, conversation_id: str, fence_holder: str, *, ttl_ms: int) -> bool:
        """Take the turn lock for a producer; False if another holds it. Degraded: True."""

    def extend(self, conversation_id: str, fence_holder: str, *, ttl_ms: int) -> bool:
        """Keep the lock; False if it is somebody else's by now. Degraded: True."""

    def release(self, conversation_id: str, fence_holder: str) -> None:
        """Give it back, if it is ours."""

    def held(self, conversation_id: str) -> bool | None:
        """Whether a producer is alive; None when degraded: nobody knows."""

    def append(
        self, conversation_id: str, answer_seq: int, fence: int, events: Sequence[StreamEvent]
    ) -> bool:
        """Buffer events for resuming readers.

        False when degraded. Raises Fenced if a newer producer has written or an id is not above
        the last one.
        """

    def read(
        self, conversation_id: str, answer_seq: int, *, after: int, block_ms: int
    ) -> Sequence[StreamEvent] | None:
        """Events above `after`, waiting up to `block_ms` for the first.

        None: no buffer is known (degraded, expired, never written); the history is the source.
        """

    def request_stop(self, conversation_id: str, answer_seq: int) -> bool:
        """Ask the producer, wherever it is, to stop. False when degraded."""

    def stop_requested(self, conversation_id: str, answer_seq: int) -> bool | None:
        """Whether somebody asked; None when degraded."""

    def take_request(self, user: str) -> int:
        """Take one token from the user's bucket: 0 if there was one, else milliseconds to wait.

        Degraded: this process's own estimate.
        """

    def tokens_left_today(self, user: str) -> int | None:
        """What is left of the user's daily quota; None without a quota or when degraded."""

    def spend_tokens(self, user: str, tokens: int, *, spend_id: str) -> None:
        """Charge the quota, once for each `spend_id`."""

    def endpoint_session(self, conversation_id: str) -> str | None:
        """The SageMaker session id kept for a conversation, if any."""

    def keep_endpoint_session(self, conversation_id: str, session_id: str, *, ttl_s: int) -> None:
        """Remember it."""

    def home(self, conversation_id: str) -> str | None:
        """Where in a fleet the conversation is warm, if that was kept."""

    def keep_home(self, conversation_id: str, home: str, *, ttl_s: int) -> None:
        """Remember it."""

    def drop_home(self, conversation_id: str) -> None:
        """Forget it, since that instance should be left."""

    def forget(self, conversation_id: str) -> None:
        """Remove everything of a deleted conversation."""
