"""What the turns need of a history: a small protocol, so that a fake is natural.

Every method may raise StoreUnavailable: the store was throttled or down after our own retries and
nothing is known to have been written. NotFound means that the conversation is not there, was
deleted, or has expired. Ownership is the caller's to check: `Conversation.owner` is returned.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from orchestrator_lambda.conversation.model import (
    Conversation,
    Cut,
    Feedback,
    Message,
    Totals,
)


@dataclass(frozen=True, kw_only=True)
class TurnStart:
    """One transaction before the first token: idempotency, user message, placeholder, META.

    Attributes:
        conversation: as it was read; the transaction holds only if its version is unchanged.
        user: the new user message; None where an answer is regenerated.
        answer: the placeholder, status STREAMING.
        idempotency_key: names the request of the client; `request_hash` is of its content.
        cut: the new cut, if the truncation moved it.
        outbox: telemetry of the start by event id, kept until it is known to be in Kinesis.
    """

    conversation: Conversation
    user: Message | None
    answer: Message
    idempotency_key: str
    request_hash: str
    now_ms: int
    cut: Cut | None = None
    outbox: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class StartedTurn:
    """How a start went.

    Attributes:
        conversation: META after it; `fence` is the producer's.
        duplicate: the key was there with the same hash: `user_seq` and `answer_seq` are those of
            the first time, nothing was written.
    """

    conversation: Conversation
    user_seq: int | None
    answer_seq: int
    duplicate: bool = False


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """An answer as far as it has come.

    Attributes:
        event_seq: the last event whose text is in `text`.
        tokens: of `text`, at least.
        expires_s: the conversation's; what is kept beside the message's item goes with it.
    """

    conversation_id: str
    fence: int
    answer_seq: int
    text: str
    event_seq: int
    now_ms: int
    tokens: int = 0
    expires_s: int | None = None


@dataclass(frozen=True, kw_only=True)
class TurnEnd:
    """The one commit: the answer's final form, META's totals, the outbox; on `fence` alone.

    Attributes:
        totals: added to META's.
        expires_s: see Checkpoint.
    """

    conversation_id: str
    fence: int
    answer: Message
    totals: Totals
    now_ms: int
    expires_s: int | None = None
    title: str | None = None
    outbox: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Page:
    """One page of a user's list, newest first, and the cursor of the next; None at the end."""

    conversations: Sequence[Conversation]
    cursor: str | None


@dataclass(frozen=True)
class OutboxEntry:
    """A telemetry event that nobody has seen arrive."""

    conversation_id: str
    answer_seq: int
    event_id: str
    event: Mapping[str, Any]
    written_ms: int


class History(Protocol):
    """Conversations and their messages, read strongly."""

    def create(self, conversation: Conversation) -> None:
        """Write a new META. Raises Conflict where the id exists."""

    def get(self, conversation_id: str) -> Conversation:
        """META. Raises NotFound."""

    def list(self, owner: str, *, limit: int, cursor: str | None = None) -> Page:
        """A user's conversations by last change. Raises InvalidRequest for a foreign cursor."""

    def rename(self, conversation_id: str, title: str, *, now_ms: int) -> Conversation:
        """Set the title. Raises NotFound."""

    def set_head(self, conversation: Conversation, head: int, *, now_ms: int) -> Conversation:
        """Choose the branch that is shown, on the version read. Raises Conflict."""

    def set_feedback(self, conversation_id: str, seq: int, feedback: Feedback | None) -> None:
        """Keep or remove a verdict. Raises NotFound."""

    def delete(
        self, conversation_id: str, *, outbox: Mapping[str, Mapping[str, Any]], now_ms: int
    ) -> None:
        """From now on it is gone for readers and producers, and will be purged, whatever happens.

        Args:
            conversation_id: the conversation.
            outbox: telemetry of the deletion by event id, kept until it is known to be in Kinesis.
            now_ms: Unix milliseconds.
        """

    def purge(self, conversation_id: str) -> None:
        """Remove what is left of a deleted conversation: items, pieces, S3 objects; repeatable."""

    def finish_deletions(self, *, older_than_ms: int, limit: int, now_ms: int) -> Iterator[str]:
        """Purge what was marked before `older_than_ms` and may not be clean; for the sweeper."""

    def message(self, conversation_id: str, seq: int) -> Message:
        """One message with its whole text. Raises NotFound."""

    def messages(self, conversation_id: str, *, after: int = 0) -> Sequence[Message]:
        """All messages with seq above `after`, in order, texts whole."""

    def start_turn(self, start: TurnStart) -> StartedTurn:
        """All or nothing; a lost acknowledgement is found out, not repeated.

        Raises:
            Conflict: META's version moved (another tab).
            IdempotencyMismatch: the key was there with another hash.
        """

    def find_turn(self, conversation_id: str, idempotency_key: str) -> tuple[str, int] | None:
        """(request hash, seq of the answer) of a key used before; None for a new or expired one."""

    def take_over(self, conversation_id: str, answer_seq: int, *, now_ms: int) -> Conversation:
        """Raise the fence of a turn whose producer is gone. Raises Conflict if it has ended."""

    def checkpoint(self, checkpoint: Checkpoint) -> bool:
        """Keep partial text; also the producer's sign of life. Whether a reader asked to stop.

        Raises Fenced.
        """

    def end_turn(self, end: TurnEnd) -> None:
        """The commit; repeating it with the same content is no error.

        Raises:
            Fenced: a newer producer owns the turn, or it was ended differently.
        """

    def request_stop(self, conversation_id: str, answer_seq: int) -> None:
        """The stop flag's second home, for when Redis is down."""

    def stop_requested(self, conversation_id: str, answer_seq: int) -> bool:
        """Whether that flag is set."""

    def unfinished(self, *, older_than_ms: int, limit: int) -> Iterator[tuple[str, int]]:
        """(conversation, answer) without a sign of life since `older_than_ms`: for the sweeper."""

    def clear_outbox(self, conversation_id: str, answer_seq: int, event_ids: Sequence[str]) -> None:
        """These events are in Kinesis; what is gone already is no error."""

    def outbox(self, *, older_than_ms: int, limit: int) -> Iterator[OutboxEntry]:
        """Events of turns without a sign of life since `older_than_ms`: for the sweeper."""
