"""A history's outboxes in memory, with a store that can go down."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator_lambda.errors import StoreUnavailable


@dataclass(frozen=True)
class Entry:
    conversation_id: str
    answer_seq: int
    event_id: str
    event: Mapping[str, Any]
    written_ms: int = 0


class FakeOutboxes:
    """`down` makes every call fail; `deaf` makes crossing off fail alone."""

    def __init__(
        self,
        *events: Mapping[str, Any],
        unfinished: Sequence[tuple[str, int]] = (),
        deletions: Sequence[str] = (),
    ) -> None:
        self.deletions = list(deletions)
        self.entries = {event["event_id"]: _entry(event) for event in events}
        self.turns = list(unfinished)
        self.down = self.deaf = False
        self.asked: list[int] = []

    def outbox(self, *, older_than_ms: int, limit: int) -> Iterator[Entry]:
        self._check(self.down)
        self.asked.append(older_than_ms)
        answers: set[tuple[str, int]] = set()
        for entry in list(self.entries.values()):
            answers.add((entry.conversation_id, entry.answer_seq))
            if len(answers) > limit:
                return
            yield entry

    def clear_outbox(self, conversation_id: str, answer_seq: int, event_ids: Sequence[str]) -> None:
        self._check(self.down or self.deaf)
        for event_id in event_ids:
            entry = self.entries.pop(event_id, None)
            assert entry is None or (entry.conversation_id, entry.answer_seq) == (
                conversation_id,
                answer_seq,
            )

    def unfinished(self, *, older_than_ms: int, limit: int) -> Iterator[tuple[str, int]]:
        self._check(self.down)
        yield from self.turns[:limit]

    def finish_deletions(self, *, older_than_ms: int, limit: int, now_ms: int) -> Iterator[str]:
        self._check(self.down)
        yield from self.deletions[:limit]

    @staticmethod
    def _check(fails: bool) -> None:
        if fails:
            raise StoreUnavailable("the store is down")


def _entry(event: Mapping[str, Any]) -> Entry:
    conversation, seq, _ = event["event_id"].split(":")
    return Entry(conversation, int(seq), event["event_id"], event)
