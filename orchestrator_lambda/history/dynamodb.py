"""History in DynamoDB, long texts in S3. See schema.py for the items, turn_writes.py for turns."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from orchestrator_lambda.conversation.model import Conversation, Feedback, Message, MessageStatus
from orchestrator_lambda.errors import Conflict, NotFound
from orchestrator_lambda.history import schema
from orchestrator_lambda.history.cursor import decode_cursor, encode_cursor
from orchestrator_lambda.history.deletions import Deletions
from orchestrator_lambda.history.interface import (
    Checkpoint,
    OutboxEntry,
    Page,
    StartedTurn,
    TurnEnd,
    TurnStart,
)
from orchestrator_lambda.history.items import (
    Item,
    conversation_item,
    conversation_of,
    message_of,
    seq_of,
)
from orchestrator_lambda.history.pending import Pending
from orchestrator_lambda.history.table import ConditionFailed, Table, key_of, unmarshal
from orchestrator_lambda.history.texts import Objects, Texts
from orchestrator_lambda.history.turn_writes import TurnWrites

_STREAMING = MessageStatus.STREAMING.value


class DynamoHistory:
    """See History (interface.py) for what every method promises.

    Args:
        table: the table of schema.py.
        objects: where texts go that are too long for it; None keeps them in pieces.
        clock: Unix seconds; decides what has expired, since DynamoDB removes items late.
    """

    def __init__(
        self, table: Table, objects: Objects | None, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._table = table
        self._texts = Texts(table, objects)
        self._deletions = Deletions(table, objects)
        self._pending = Pending(table)
        self._turns = TurnWrites(table, self._texts)
        self._clock = clock

    def create(self, conversation: Conversation) -> None:
        """See History."""
        item = conversation_item(conversation)
        try:
            self._table.put(item, f"attribute_not_exists(#{schema.PK})")
        except ConditionFailed:
            # After a lost acknowledgement the retry meets its own first write.
            if self._table.get(key_of(conversation.id, schema.META)) != item:
                raise Conflict("a conversation of this id exists") from None

    def get(self, conversation_id: str) -> Conversation:
        """See History."""
        item = self._table.get(key_of(conversation_id, schema.META))
        if item is None or self._expired(item):
            raise NotFound("there is no such conversation")
        return conversation_of(item)

    def list(self, owner: str, *, limit: int, cursor: str | None = None) -> Page:
        """See History."""
        options: dict[str, Any] = {"IndexName": schema.LIST_INDEX, "ScanIndexForward": False}
        if cursor is not None:
            options["ExclusiveStartKey"] = decode_cursor(cursor, owner)
        found: list[Item] = []
        while True:
            page = self._table.query_page(
                f"#{schema.LIST_PK} = :owner",
                {":owner": schema.list_key(owner)},
                Limit=limit + 1,
                **options,
            )
            found += [item for raw in page["Items"] if not self._expired(item := unmarshal(raw))]
            if len(found) > limit or "LastEvaluatedKey" not in page:
                break
            options["ExclusiveStartKey"] = page["LastEvaluatedKey"]
        shown = found[:limit]
        more = len(found) > limit
        after = encode_cursor(shown[-1][schema.LIST_SK]) if more else None
        return Page([conversation_of(item) for item in shown], after)

    def rename(self, conversation_id: str, title: str, *, now_ms: int) -> Conversation:
        """See History."""
        item = self._update_meta(
            conversation_id, "SET #title = :title", "attribute_exists(#owner)", {":title": title}
        )
        if item is None:
            raise NotFound("there is no such conversation")
        return conversation_of(item)

    def set_head(self, conversation: Conversation, head: int, *, now_ms: int) -> Conversation:
        """See History."""
        values = {":head": head, ":old": conversation.version, ":new": conversation.version + 1}
        sets = "SET #head = :head, #ver = :new"
        item = self._update_meta(conversation.id, sets, "#ver = :old", values)
        if item is None:
            raise Conflict("the conversation has changed meanwhile; read it again")
        return conversation_of(item)

    def set_feedback(self, conversation_id: str, seq: int, feedback: Feedback | None) -> None:
        """See History."""
        key = key_of(conversation_id, schema.message_key(seq))
        exists = f"attribute_exists(#{schema.PK})"
        try:
            if feedback is None:
                self._table.update(key, "REMOVE #rating, #comment", condition=exists)
                return
            values = {":rating": feedback.rating.value, ":comment": feedback.comment}
            sets = "SET #rating = :rating, #comment = :comment"
            self._table.update(key, sets, condition=exists, values=values)
        except ConditionFailed:
            raise NotFound(f"the conversation has no message {seq}") from None

    def delete(
        self, conversation_id: str, *, outbox: Mapping[str, Mapping[str, Any]], now_ms: int
    ) -> None:
        """See History."""
        self._deletions.mark(conversation_id, outbox, now_ms)

    def purge(self, conversation_id: str) -> None:
        """See History."""
        self._deletions.purge(conversation_id)

    def message(self, conversation_id: str, seq: int) -> Message:
        """See History."""
        item = self._table.get(key_of(conversation_id, schema.message_key(seq)))
        if item is None or self._expired(item):
            raise NotFound(f"the conversation has no message {seq}")
        return message_of(item, self._texts.read(item))

    def messages(self, conversation_id: str, *, after: int = 0) -> Sequence[Message]:
        """See History."""
        heads: list[Item] = []
        pieces: dict[tuple[int, str], list[Item]] = {}
        for item in self._table.query(
            f"#{schema.PK} = :p AND #{schema.SK} BETWEEN :first AND :last",
            {
                ":p": schema.conversation_key(conversation_id),
                ":first": schema.message_key(after + 1),
                ":last": "M#~",
            },
        ):
            parts = str(item[schema.SK]).split("#")
            if len(parts) == 2:
                heads.append(item)
            else:
                pieces.setdefault((seq_of(item), parts[2]), []).append(item)
        return [
            message_of(
                item, self._texts.assemble(item, pieces.get((seq_of(item), item["text"]), []))
            )
            for item in heads
            if not self._expired(item)
        ]

    def start_turn(self, start: TurnStart) -> StartedTurn:
        """See History."""
        return self._turns.start(start)

    def find_turn(self, conversation_id: str, idempotency_key: str) -> tuple[str, int] | None:
        """See History."""
        item = self._table.get(key_of(conversation_id, schema.idempotency_key(idempotency_key)))
        if item is None or self._expired(item):
            return None
        return item["hash"], int(item["answer"])

    def take_over(self, conversation_id: str, answer_seq: int, *, now_ms: int) -> Conversation:
        """See History."""
        return self._turns.take_over(self.get(conversation_id), answer_seq, now_ms)

    def checkpoint(self, checkpoint: Checkpoint) -> bool:
        """See History."""
        return self._turns.checkpoint(checkpoint)

    def end_turn(self, end: TurnEnd) -> None:
        """See History."""
        self._turns.end(end)

    def request_stop(self, conversation_id: str, answer_seq: int) -> None:
        """See History."""
        try:
            self._table.update(
                key_of(conversation_id, schema.message_key(answer_seq)),
                "SET #stop = :true",
                condition="#status = :streaming",
                values={":true": True, ":streaming": _STREAMING},
            )
        except ConditionFailed:
            return  # it has ended: there is nothing to stop

    def stop_requested(self, conversation_id: str, answer_seq: int) -> bool:
        """See History."""
        item = self._table.get(key_of(conversation_id, schema.message_key(answer_seq)))
        return item is None or bool(item.get("stop", False))

    def unfinished(self, *, older_than_ms: int, limit: int) -> Iterator[tuple[str, int]]:
        """See History."""
        return self._pending.unfinished(older_than_ms, limit)

    def outbox(self, *, older_than_ms: int, limit: int) -> Iterator[OutboxEntry]:
        """See History."""
        return self._pending.outbox(older_than_ms, limit)

    def clear_outbox(self, conversation_id: str, answer_seq: int, event_ids: Sequence[str]) -> None:
        """See History."""
        if not event_ids:
            return
        if answer_seq:
            self._pending.clear_outbox(conversation_id, answer_seq, event_ids)
        else:
            self._deletions.clear_outbox(conversation_id, event_ids)

    def finish_deletions(self, *, older_than_ms: int, limit: int, now_ms: int) -> Iterator[str]:
        """See History."""
        for conversation_id, tombstone in self._pending.tombstones(older_than_ms, limit):
            if self._deletions.finish(conversation_id, tombstone, now_ms):
                yield conversation_id

    def _update_meta(
        self, conversation_id: str, sets: str, condition: str, values: Item
    ) -> Item | None:
        try:
            key = key_of(conversation_id, schema.META)
            return self._table.update(key, sets, condition=condition, values=values)
        except ConditionFailed:
            return None

    def _expired(self, item: Item) -> bool:
        return schema.TTL in item and int(item[schema.TTL]) <= self._clock()
