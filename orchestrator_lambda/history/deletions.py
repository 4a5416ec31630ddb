"""Deleting conversations, so that nothing stays, whoever dies or is down meanwhile.

mark    META goes and a tombstone comes, in one transaction: gone for every reader
purge   items, pieces, objects
later   the sweeper purges again what a producer wrote that did not know yet, sends the
        tombstone's event if nobody has seen it arrive, and takes the tombstone away
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from orchestrator_lambda.history import schema
from orchestrator_lambda.history.items import Item, pending_since
from orchestrator_lambda.history.table import ConditionFailed, Table, key_of
from orchestrator_lambda.history.texts import Objects, object_prefix

LINGER_MS = 16 * 60_000
"""A tombstone stays for longer than any Lambda lives: so long may a late write come."""

GONE = "gone"


class Deletions:
    """Marks and purges. Every method may raise StoreUnavailable, and be repeated."""

    def __init__(self, table: Table, objects: Objects | None) -> None:
        self._table = table
        self._objects = objects

    def mark(
        self, conversation_id: str, outbox: Mapping[str, Mapping[str, Any]], now_ms: int
    ) -> None:
        """From now on nobody finds the conversation, and its producer is refused."""
        shard = schema.pending_shard(conversation_id)
        tombstone: Item = {
            **key_of(conversation_id, schema.TOMBSTONE),
            "status": GONE,
            "ob": {name: json.dumps(dict(event)) for name, event in outbox.items()},
            schema.PENDING_PK: schema.pending_key(shard),
            schema.PENDING_SK: schema.pending_sort_key(now_ms, conversation_id, 0),
        }
        actions = [
            ("Delete", self._table.delete_action(key_of(conversation_id, schema.META))),
            ("Put", self._table.put_action(tombstone)),
        ]
        self._table.transact(actions, secrets.token_hex(16))

    def purge(self, conversation_id: str) -> None:
        """Remove everything but the tombstone."""
        items = self._table.query(
            f"#{schema.PK} = :p", {":p": schema.conversation_key(conversation_id)}
        )
        keys = [{name: item[name] for name in (schema.PK, schema.SK)} for item in items]
        self._table.delete_all([key for key in keys if key[schema.SK] != schema.TOMBSTONE])
        if self._objects is not None:
            self._objects.delete_all(object_prefix(conversation_id))
        self._note_purged(conversation_id)

    def finish(self, conversation_id: str, tombstone: Mapping[str, Any], now_ms: int) -> bool:
        """Go on with a deletion; whether there was anything to do."""
        last_time = pending_since(tombstone) < now_ms - LINGER_MS
        if tombstone.get("purged") and not last_time:
            return False
        self.purge(conversation_id)
        if last_time and not tombstone["ob"]:
            self._table.delete_all([key_of(conversation_id, schema.TOMBSTONE)])
        return True

    def clear_outbox(self, conversation_id: str, event_ids: Sequence[str]) -> None:
        """These events are in Kinesis."""
        names = {f"#e{number}": event_id for number, event_id in enumerate(event_ids)}
        removed = ", ".join(f"#ob.{alias}" for alias in names)
        self._change(conversation_id, f"REMOVE {removed}", names=names)

    def _note_purged(self, conversation_id: str) -> None:
        self._change(conversation_id, "SET #purged = :true", values={":true": True})

    def _change(self, conversation_id: str, expression: str, **parts: Any) -> None:
        key = key_of(conversation_id, schema.TOMBSTONE)
        try:
            self._table.update(
                key, expression, condition=f"attribute_exists(#{schema.PK})", **parts
            )
        except ConditionFailed:
            return  # no tombstone: its work is done
