"""The text of an answer and the events it has gone out in."""

from __future__ import annotations

from orchestrator_lambda.sessions.interface import StreamEvent

LOST_IDS = 10_000
"""Ids left out where a new producer cannot know how far the old one had come.

A reader who was further than anybody knows then finds its last id unknown, and is told the whole
text anew, instead of being given other words under ids that it has seen.
"""


class AnswerLog:
    """Collects text and hands it out as numbered events.

    Args:
        text: what is known of the answer already.
        last_id: id of the last event known; 0 at the beginning.
        certain: whether readers can have seen nothing beyond it. If not, ids jump and the first
            event is a `reset` with the whole text.
        tokens: of what is known.

    Attributes:
        tokens: of all text, as far as they can be counted: a piece of it is one, or more.
    """

    def __init__(
        self, text: str = "", last_id: int = 0, *, certain: bool = True, tokens: int = 0
    ) -> None:
        self._parts = [text] if text else []
        self._fresh: list[str] = []
        self._reset = not certain
        self.tokens = tokens
        self.last_id = last_id if certain else last_id + LOST_IDS

    @property
    def text(self) -> str:
        """All text so far, gone out or not."""
        self._parts = ["".join(self._parts)]
        return "".join([*self._parts, *self._fresh])

    @property
    def pending(self) -> bool:
        """Whether something waits to go out."""
        return self._reset or bool(self._fresh)

    def add(self, text: str) -> None:
        """A piece of the answer."""
        if text:
            self._fresh.append(text)
            self.tokens += 1

    def flush(self) -> StreamEvent | None:
        """What has been added since the last time, as one event."""
        if not self.pending:
            return None
        piece = "".join(self._fresh)
        self._parts.append(piece)
        self._fresh = []
        self.last_id += 1
        if self._reset:
            self._reset = False
            whole = {"text": "".join(self._parts)}
            return StreamEvent(self.last_id, "reset", whole, self.tokens)
        return StreamEvent(self.last_id, "delta", {"text": piece}, self.tokens)

    def withdraw(self) -> StreamEvent:
        """Forget the text and tell readers to."""
        self._parts, self._fresh, self._reset = [], [], False
        self.last_id += 1
        return StreamEvent(self.last_id, "reset", {"text": ""})

    def ending(self, kind: str, data: dict[str, object]) -> StreamEvent:
        """The terminal event; its id is one above that of the last text."""
        return StreamEvent(self.last_id + 1, kind, data)
