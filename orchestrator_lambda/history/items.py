"""Nouns to items and back. Attribute names are short: they are paid for with every item."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from orchestrator_lambda.conversation.model import (
    Conversation,
    Cut,
    Feedback,
    Message,
    MessageStatus,
    Rating,
    Role,
    Totals,
)
from orchestrator_lambda.history import schema

Item = dict[str, Any]
TOTALS = ("turns", "input_tokens", "cached_tokens", "output_tokens")


def without_none(item: Mapping[str, Any]) -> Item:
    """DynamoDB knows no absent value: what is None is left out."""
    return {name: value for name, value in item.items() if value is not None}


def conversation_item(conversation: Conversation) -> Item:
    """META."""
    totals = conversation.totals
    return without_none(
        {
            schema.PK: schema.conversation_key(conversation.id),
            schema.SK: schema.META,
            schema.LIST_PK: schema.list_key(conversation.owner),
            schema.LIST_SK: schema.list_sort_key(conversation.updated_ms, conversation.id),
            schema.TTL: conversation.expires_s,
            "owner": conversation.owner,
            "title": conversation.title,
            "created": conversation.created_ms,
            "updated": conversation.updated_ms,
            "model": conversation.model,
            "system": conversation.system,
            "ver": conversation.version,
            "head": conversation.head,
            "next": conversation.next_seq,
            "fence": conversation.fence,
            "answering": conversation.answering,
            "cut": conversation.cut.seq,
            "summary": conversation.cut.summary,
            **{name: getattr(totals, name) for name in TOTALS},
        }
    )


def conversation_of(item: Mapping[str, Any]) -> Conversation:
    """META, or the part of it that the list's index holds."""
    expires = item.get(schema.TTL)
    answering = item.get("answering")
    return Conversation(
        id=str(item[schema.PK]).removeprefix("C#"),
        owner=item["owner"],
        title=item["title"],
        created_ms=int(item["created"]),
        updated_ms=int(item["updated"]),
        expires_s=None if expires is None else int(expires),
        model=item.get("model", ""),
        system=item.get("system", ""),
        version=int(item.get("ver", 0)),
        head=int(item.get("head", 0)),
        next_seq=int(item.get("next", 1)),
        fence=int(item.get("fence", 0)),
        answering=None if answering is None else int(answering),
        cut=Cut(seq=int(item.get("cut", 0)), summary=item.get("summary", "")),
        totals=Totals(**{name: int(item.get(name, 0)) for name in TOTALS}),
    )


def message_item(conversation_id: str, message: Message) -> Item:
    """A message without its text (see codec.py)."""
    feedback = message.feedback
    return without_none(
        {
            schema.PK: schema.conversation_key(conversation_id),
            schema.SK: schema.message_key(message.seq),
            "role": message.role.value,
            "parent": message.parent,
            "status": message.status.value,
            "created": message.created_ms,
            "tokens": message.tokens,
            "event_seq": message.event_seq,
            "finish": message.finish_reason,
            "error": message.error_code,
            "receipt": json.dumps(dict(message.receipt), separators=(",", ":")),
            "rating": feedback.rating.value if feedback else None,
            "comment": feedback.comment if feedback else None,
        }
    )


def message_of(item: Mapping[str, Any], text: str) -> Message:
    """A message with its text."""
    tokens, rating = item.get("tokens"), item.get("rating")
    return Message(
        seq=seq_of(item),
        parent=int(item["parent"]),
        role=Role(item["role"]),
        text=text,
        status=MessageStatus(item["status"]),
        created_ms=int(item["created"]),
        tokens=None if tokens is None else int(tokens),
        event_seq=int(item.get("event_seq", 0)),
        finish_reason=item.get("finish"),
        error_code=item.get("error"),
        receipt=json.loads(item.get("receipt", "{}")),
        feedback=Feedback(rating=Rating(rating), comment=item.get("comment", ""))
        if rating
        else None,
        alive_ms=pending_since(item),
    )


def pending_since(item: Mapping[str, Any]) -> int:
    """Milliseconds of the last sign of life of what is pending; 0 for what is not."""
    return int(str(item.get(schema.PENDING_SK, "0")).split("#")[0])


def seq_of(item: Mapping[str, Any]) -> int:
    """The message that an item, or a piece of its text, belongs to."""
    return int(str(item[schema.SK]).split("#")[1])
