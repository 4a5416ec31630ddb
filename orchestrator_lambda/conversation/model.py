"""The nouns: a conversation is a tree of messages, and its head is the leaf that is shown.

    seq 1 user ── seq 2 assistant ── seq 3 user ── seq 4 assistant
             └─── seq 5 assistant (regenerated)   └── seq 6 assistant
    seq 7 user (an edit of 1) ── seq 8 assistant

A message's `seq` is its name: given once, never again, in order of writing. Times are Unix
milliseconds, durations milliseconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

ROOT = 0  # the parent of a conversation's first messages


class Role(StrEnum):
    """Who speaks."""

    USER = "user"
    ASSISTANT = "assistant"


class MessageStatus(StrEnum):
    """Life of a message. A user's message is complete at once; every answer ends in one of three.

    An answer still `streaming` whose producer is gone is taken over by whoever resumes it.
    """

    STREAMING = "streaming"
    COMPLETE = "complete"
    STOPPED = "stopped"
    ERROR = "error"

    @property
    def terminal(self) -> bool:
        """Whether nothing more will be written to it."""
        return self is not MessageStatus.STREAMING


class Rating(StrEnum):
    """A reader's verdict on an answer."""

    UP = "up"
    DOWN = "down"


@dataclass(frozen=True, kw_only=True)
class Feedback:
    """A verdict and an optional sentence to it."""

    rating: Rating
    comment: str = ""


@dataclass(frozen=True, kw_only=True)
class Message:
    """One message.

    Attributes:
        seq: its name inside the conversation, from 1.
        parent: seq of the message it follows; ROOT for a first one.
        tokens: of the text as the model counts them; None where nobody counted.
        event_seq: the last event id whose text is contained in `text` (answers only): a reader
            who has seen that event has seen all of `text`.
        finish_reason: the model's, of a finished answer: stop, length, ...
        error_code: stable code of what ended an answer in status ERROR.
        receipt: of the backend, merged over continuations; until the end it holds how the answer
            was asked for, so that another producer can go on with it.
        alive_ms: last sign of life of an unfinished answer's producer, by its own clock.
    """

    seq: int
    parent: int
    role: Role
    text: str
    status: MessageStatus
    created_ms: int
    tokens: int | None = None
    event_seq: int = 0
    finish_reason: str | None = None
    error_code: str | None = None
    receipt: Mapping[str, Any] = field(default_factory=dict)
    feedback: Feedback | None = None
    alive_ms: int = 0


@dataclass(frozen=True, kw_only=True)
class Totals:
    """Tokens and turns of a conversation so far, over all branches."""

    turns: int = 0
    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0


@dataclass(frozen=True, kw_only=True)
class Cut:
    """Where the prompt's history begins, so that it stays a prefix of the next turn's.

    Attributes:
        seq: messages of the branch up to this seq are left out of prompts; ROOT: none are.
        summary: text standing in for them; empty if there is none.
    """

    seq: int = ROOT
    summary: str = ""


@dataclass(frozen=True, kw_only=True)
class Conversation:
    """META: what is known of a conversation without reading its messages.

    Attributes:
        system: the system prompt; fixed at creation, since all cached prefixes begin with it.
        version: raised by one with every change of the tree; the condition of a turn's start.
        head: seq of the leaf that is shown; ROOT while empty.
        next_seq: the seq that the next message gets.
        fence: number of the producer that may write; raised at each turn's start and take-over.
        answering: seq of the answer under way; None between turns.
        expires_s: Unix seconds after which it counts as gone, whenever the store removes it.
    """

    id: str
    owner: str
    title: str
    created_ms: int
    updated_ms: int
    expires_s: int | None = None
    model: str = ""
    system: str = ""
    version: int = 0
    head: int = ROOT
    next_seq: int = 1
    fence: int = 0
    answering: int | None = None
    cut: Cut = field(default_factory=Cut)
    totals: Totals = field(default_factory=Totals)
