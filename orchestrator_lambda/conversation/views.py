"""The nouns as clients see them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator_lambda.conversation.model import Conversation, Message, Role


def conversation_view(conversation: Conversation) -> dict[str, Any]:
    """A conversation, without its messages."""
    totals = conversation.totals
    return {
        **conversation_summary(conversation),
        "system": conversation.system,
        "head": conversation.head,
        "version": conversation.version,
        "answering": conversation.answering,
        "totals": {
            "turns": totals.turns,
            "input_tokens": totals.input_tokens,
            "cached_tokens": totals.cached_tokens,
            "output_tokens": totals.output_tokens,
        },
    }


def conversation_summary(conversation: Conversation) -> dict[str, Any]:
    """A conversation in a list."""
    return {
        "id": conversation.id,
        "title": conversation.title,
        "created_ms": conversation.created_ms,
        "updated_ms": conversation.updated_ms,
        "model": conversation.model,
    }


def message_view(message: Message) -> dict[str, Any]:
    """A message; what does not apply to it is left out."""
    view: dict[str, Any] = {
        "seq": message.seq,
        "parent": message.parent,
        "role": message.role.value,
        "content": message.text,
        "status": message.status.value,
        "created_ms": message.created_ms,
    }
    if message.role is Role.ASSISTANT:
        view["event_seq"] = message.event_seq
    if message.finish_reason is not None:
        view["finish_reason"] = message.finish_reason
    if message.error_code is not None:
        view["error"] = {"code": message.error_code}
    if message.receipt and message.status.terminal:
        view["receipt"] = shown_receipt(message.receipt)
    if message.feedback is not None:
        view["feedback"] = {
            "rating": message.feedback.rating.value,
            "comment": message.feedback.comment,
        }
    return view


def shown_receipt(receipt: Mapping[str, Any]) -> dict[str, Any]:
    """A receipt without what is only for our own use."""
    return {name: value for name, value in receipt.items() if name != "sampling"}
