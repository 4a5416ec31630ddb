"""What the three wire formats have in common on the way out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from container.ledger import Ledger, Piece
from serving.tokenizer import Tokenizer

Json = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class AnswerHead:
    """What every body and every chunk of one answer says alike.

    Attributes:
        created: seconds since 1970.
        receipt: makes the receipt; to be called when the answer is complete.
        tokenizer: turns token ids into the texts that log-probabilities are reported with.
    """

    request_id: str
    model: str
    created: int
    receipt: Callable[[], Json]
    tokenizer: Callable[[], Tokenizer]


class AnswerWriter(Protocol):
    """Writes one answer in one wire format, whole or as the events of a stream."""

    ends_with_done: bool

    def body(self, ledger: Ledger) -> Any:
        """The JSON value of a whole answer."""

    def opening(self) -> Iterator[Json]:
        """Events before the first output."""

    def chunk(self, piece: Piece) -> Json | None:
        """The event of one output; None when it has nothing to show."""

    def closing(self, ledger: Ledger) -> Iterator[Json]:
        """Events after the last output; the last of them carries the receipt."""
