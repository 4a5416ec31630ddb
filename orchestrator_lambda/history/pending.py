"""What the sweeper has to look at: unfinished answers, events in outboxes, tombstones.

The index says where to look, late and roughly; the items themselves say how it is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence

from orchestrator_lambda.conversation.model import MessageStatus
from orchestrator_lambda.history import schema
from orchestrator_lambda.history.interface import OutboxEntry
from orchestrator_lambda.history.items import Item, pending_since
from orchestrator_lambda.history.table import ConditionFailed, Table, key_of

_STREAMING = MessageStatus.STREAMING.value

Found = tuple[str, int, Item]  # conversation, seq of the answer (0: none), item


class Pending:
    """Reads the index `pending`. Every method may raise StoreUnavailable."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def unfinished(self, older_than_ms: int, limit: int) -> Iterator[tuple[str, int]]:
        """Answers that are not at their end."""
        for conversation_id, seq, _ in self._items(older_than_ms, limit, _is_unfinished):
            yield conversation_id, seq

    def outbox(self, older_than_ms: int, limit: int) -> Iterator[OutboxEntry]:
        """Events of at most `limit` answers and tombstones."""
        for conversation_id, seq, item in self._items(older_than_ms, limit, _has_events):
            for event_id, event in item["ob"].items():
                moment = pending_since(item)
                yield OutboxEntry(conversation_id, seq, event_id, json.loads(event), moment)

    def tombstones(self, older_than_ms: int, limit: int) -> Iterator[tuple[str, Item]]:
        """Deletions that may have to be gone on with."""
        for conversation_id, _, item in self._items(older_than_ms, limit, _is_tombstone):
            yield conversation_id, item

    def clear_outbox(self, conversation_id: str, answer_seq: int, event_ids: Sequence[str]) -> None:
        """These events are in Kinesis; an answer with nothing left to do leaves the index."""
        key = key_of(conversation_id, schema.message_key(answer_seq))
        names = {f"#e{number}": event_id for number, event_id in enumerate(event_ids)}
        removed = ", ".join(f"#ob.{alias}" for alias in names)
        try:
            item = self._table.update(
                key, f"REMOVE {removed}", condition="attribute_exists(#ob)", names=names
            )
            if not item["ob"] and item["status"] != _STREAMING:
                self._table.update(
                    key,
                    f"REMOVE #{schema.PENDING_PK}, #{schema.PENDING_SK}",
                    condition="size(#ob) = :none AND #status <> :streaming",
                    values={":none": 0, ":streaming": _STREAMING},
                )
        except ConditionFailed:
            return  # deleted meanwhile, or more has come: the sweeper sees to it

    def _items(
        self, older_than_ms: int, limit: int, wanted: Callable[[Item], bool]
    ) -> Iterator[Found]:
        found = 0
        for key in self._keys(older_than_ms):
            item = self._table.get(key)
            if item is None or schema.PENDING_PK not in item or not wanted(item):
                continue
            if found == limit:
                return
            found += 1
            tail = str(item[schema.PENDING_SK]).rsplit("#", 1)[1]
            yield str(item[schema.PK]).removeprefix("C#"), int(tail), item

    def _keys(self, older_than_ms: int) -> Iterator[dict[str, str]]:
        for shard in range(schema.PENDING_SHARDS):
            for entry in self._table.query(
                f"#{schema.PENDING_PK} = :p AND #{schema.PENDING_SK} < :until",
                {":p": schema.pending_key(shard), ":until": f"{older_than_ms:013d}"},
                IndexName=schema.PENDING_INDEX,
            ):
                yield {name: entry[name] for name in (schema.PK, schema.SK)}


def _is_tombstone(item: Item) -> bool:
    return bool(item[schema.SK] == schema.TOMBSTONE)


def _is_unfinished(item: Item) -> bool:
    return bool(item["status"] == _STREAMING)


def _has_events(item: Item) -> bool:
    return bool(item.get("ob"))
