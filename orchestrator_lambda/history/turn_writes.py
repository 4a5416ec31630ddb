"""The writes of a turn: one transaction before its first token, checkpoints, one fenced commit.

    start      I# (new) + user's message + answer (streaming) + META (as read, not answering)
    checkpoint answer, while its fence is ours and it is streaming
    take over  META (fence + 1) + answer's fence: from now on the old producer is refused
    end        answer (terminal), while its fence is ours + META (not answering any more)

A turn of short messages costs about 16 write units, however long the conversation is.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from orchestrator_lambda.conversation.model import Conversation, Message, MessageStatus
from orchestrator_lambda.errors import (
    Conflict,
    Fenced,
    IdempotencyMismatch,
    NotFound,
    StoreUnavailable,
)
from orchestrator_lambda.history import schema
from orchestrator_lambda.history.interface import Checkpoint, StartedTurn, TurnEnd, TurnStart
from orchestrator_lambda.history.items import (
    TOTALS,
    Item,
    conversation_item,
    conversation_of,
    message_item,
    without_none,
)
from orchestrator_lambda.history.table import ConditionFailed, Table, key_of
from orchestrator_lambda.history.texts import Texts

IDEMPOTENCY_SECONDS = 24 * 3600
_STREAMING = MessageStatus.STREAMING.value


class TurnWrites:
    """Everything that changes while a turn is answered."""

    def __init__(self, table: Table, texts: Texts) -> None:
        self._table = table
        self._texts = texts

    def start(self, start: TurnStart) -> StartedTurn:
        """See History.start_turn."""
        before, nonce = start.conversation, secrets.token_hex(16)
        after = _after_start(start)
        actions = [("Put", self._idempotency_action(start, nonce))]
        if start.user is not None:
            actions.append(("Put", self._message_action(before, start.user, {})))
        pending = self._pending(before.id, start.answer.seq, start.now_ms)
        extra = {"fence": after.fence, "ob": _outbox(start.outbox), **pending}
        actions.append(("Put", self._message_action(before, start.answer, extra)))
        actions.append(("Put", self._meta_action(before, after)))
        try:
            self._table.transact(actions, nonce)
        except ConditionFailed as failure:
            return self._explain_start(start, nonce, after, failure)
        return self._started(start, after)

    def checkpoint(self, at: Checkpoint) -> bool:
        """See History.checkpoint."""
        body = self._texts.write(at.conversation_id, at.answer_seq, at.text, at.expires_s)
        pending = self._pending(at.conversation_id, at.answer_seq, at.now_ms)
        kept = {"event_seq": at.event_seq, "tokens": at.tokens}
        sets, values = _sets({**body, **pending, **kept})
        try:
            item = self._table.update(
                key_of(at.conversation_id, schema.message_key(at.answer_seq)),
                sets,
                condition="#fence = :fence AND #status = :streaming",
                values={**values, ":fence": at.fence, ":streaming": _STREAMING},
            )
        except ConditionFailed:
            raise Fenced("a newer producer has taken over this answer") from None
        return bool(item.get("stop", False))

    def take_over(self, conversation: Conversation, answer_seq: int, now_ms: int) -> Conversation:
        """See History.take_over."""
        after = replace(conversation, fence=conversation.fence + 1)
        meta = self._table.update_action(
            key_of(conversation.id, schema.META),
            "SET #fence = :new",
            condition="#fence = :old AND #answering = :answer",
            values={":new": after.fence, ":old": conversation.fence, ":answer": answer_seq},
        )
        pending = self._pending(conversation.id, answer_seq, now_ms)
        sets, values = _sets({"fence": after.fence, **pending})
        answer = self._table.update_action(
            key_of(conversation.id, schema.message_key(answer_seq)),
            sets,
            condition="#status = :streaming",
            values={**values, ":streaming": _STREAMING},
        )
        try:
            self._table.transact([("Update", meta), ("Update", answer)], secrets.token_hex(16))
        except ConditionFailed:
            raise Conflict("the answer has ended, or somebody else has taken it over") from None
        return after

    def end(self, end: TurnEnd) -> None:
        """See History.end_turn."""
        body = self._texts.write(
            end.conversation_id, end.answer.seq, end.answer.text, end.expires_s
        )
        item = {**message_item(end.conversation_id, end.answer), **body}
        fixed = (schema.PK, schema.SK, "created", "role", "parent")
        changed = {name: value for name, value in item.items() if name not in fixed}
        sets, values = _sets(changed)
        names = {}
        for number, (event_id, event) in enumerate(_outbox(end.outbox).items()):
            sets += f", #ob.#e{number} = :e{number}"
            names[f"#e{number}"], values[f":e{number}"] = event_id, event
        answer = self._table.update_action(
            key_of(end.conversation_id, schema.message_key(end.answer.seq)),
            sets,
            condition="#fence = :fence AND #status = :streaming",
            values={**values, ":fence": end.fence, ":streaming": _STREAMING},
            names=names,
        )
        try:
            self._table.transact(
                [("Update", answer), ("Update", self._end_meta(end))], secrets.token_hex(16)
            )
        except ConditionFailed:
            self._explain_end(end, body["text"])

    def _end_meta(self, end: TurnEnd) -> dict[str, Any]:
        adds = {name: getattr(end.totals, name) for name in TOTALS}
        counted = ", ".join(f"#{name} :{name}" for name in adds)
        title = ", #title = :title" if end.title is not None else ""
        values: Item = {f":{name}": value for name, value in adds.items()}
        values |= {":fence": end.fence, ":answer": end.answer.seq}
        if end.title is not None:
            values[":title"] = end.title
        sets = f"SET #fence = :fence{title} REMOVE #answering ADD {counted}"
        return self._table.update_action(
            key_of(end.conversation_id, schema.META),
            sets,
            condition="#fence = :fence AND #answering = :answer",
            values=values,
        )

    def _explain_start(
        self, start: TurnStart, nonce: str, after: Conversation, failure: ConditionFailed
    ) -> StartedTurn:
        """A key used before, our own write whose acknowledgement was lost, or another tab."""
        conversation_id = start.conversation.id
        known = self._table.get(
            key_of(conversation_id, schema.idempotency_key(start.idempotency_key))
        )
        if known is None:
            if self._table.get(key_of(conversation_id, schema.META)) is None:
                raise NotFound("there is no such conversation") from None
            raise Conflict("the conversation has changed meanwhile; read it again") from None
        if known["hash"] != start.request_hash:
            raise IdempotencyMismatch("this idempotency key was used for another request") from None
        if known["nonce"] == nonce:
            return self._started(start, after)
        meta = self._table.get(key_of(conversation_id, schema.META))
        if meta is None:
            raise NotFound("there is no such conversation") from None
        user = known.get("user")
        return StartedTurn(
            conversation=conversation_of(meta),
            user_seq=None if user is None else int(user),
            answer_seq=int(known["answer"]),
            duplicate=True,
        )

    def _explain_end(self, end: TurnEnd, text_name: str) -> None:
        """Return if this very end is there already; raise Fenced otherwise."""
        found = self._table.get(key_of(end.conversation_id, schema.message_key(end.answer.seq)))
        ours = found is not None and (int(found["fence"]), found["status"], found["text"]) == (
            end.fence,
            end.answer.status.value,
            text_name,
        )
        if not ours:
            raise Fenced("a newer producer has ended this answer, or it was deleted")

    def _idempotency_action(self, start: TurnStart, nonce: str) -> dict[str, Any]:
        key = schema.idempotency_key(start.idempotency_key)
        item = {
            **key_of(start.conversation.id, key),
            "hash": start.request_hash,
            "nonce": nonce,
            "user": start.user.seq if start.user else None,
            "answer": start.answer.seq,
            schema.TTL: start.now_ms // 1000 + IDEMPOTENCY_SECONDS,
        }
        now = {":now": start.now_ms // 1000}
        condition = f"attribute_not_exists(#{schema.PK}) OR #{schema.TTL} < :now"
        return self._table.put_action(without_none(item), condition, now)

    def _message_action(self, at: Conversation, message: Message, extra: Item) -> dict[str, Any]:
        body = self._texts.write(at.id, message.seq, message.text, at.expires_s)
        item = {**message_item(at.id, message), **body, **extra, schema.TTL: at.expires_s}
        return self._table.put_action(without_none(item), f"attribute_not_exists(#{schema.PK})")

    def _meta_action(self, before: Conversation, after: Conversation) -> dict[str, Any]:
        return self._table.put_action(
            conversation_item(after),
            "#ver = :ver AND #fence = :fence AND attribute_not_exists(#answering)",
            {":ver": before.version, ":fence": before.fence},
        )

    def _started(self, start: TurnStart, after: Conversation) -> StartedTurn:
        user = start.user.seq if start.user else None
        return StartedTurn(conversation=after, user_seq=user, answer_seq=start.answer.seq)

    def _pending(self, conversation_id: str, seq: int, now_ms: int) -> Item:
        return {
            schema.PENDING_PK: schema.pending_key(schema.pending_shard(conversation_id)),
            schema.PENDING_SK: schema.pending_sort_key(now_ms, conversation_id, seq),
        }


def _after_start(start: TurnStart) -> Conversation:
    """META once the turn has begun. A clock that lags never makes a conversation look older."""
    before = start.conversation
    seqs = [start.answer.seq] + ([start.user.seq] if start.user else [])
    if min(seqs) < before.next_seq:
        raise StoreUnavailable("message numbers must be new")
    return replace(
        before,
        version=before.version + 1,
        fence=before.fence + 1,
        head=start.answer.seq,
        next_seq=max(seqs) + 1,
        answering=start.answer.seq,
        cut=start.cut or before.cut,
        updated_ms=max(before.updated_ms, start.now_ms),
    )


def _outbox(events: Mapping[str, Mapping[str, Any]]) -> Item:
    return {
        event_id: json.dumps(dict(event), separators=(",", ":"))
        for event_id, event in events.items()
    }


def _sets(changes: Mapping[str, Any]) -> tuple[str, Item]:
    """SET of some attributes, and its values."""
    parts = ", ".join(f"#{name} = :{name}" for name in changes)
    return f"SET {parts}", {f":{name}": value for name, value in changes.items()}
