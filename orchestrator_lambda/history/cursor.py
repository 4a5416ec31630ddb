"""Where a user's list goes on: opaque to clients, and of no use for anybody else's list."""

from __future__ import annotations

import base64
import binascii
import re

from orchestrator_lambda.conversation.ids import check_conversation_id
from orchestrator_lambda.errors import InvalidRequest, NotFound
from orchestrator_lambda.history import schema

_FORM = re.compile(r"(\d{13})#(.+)")


def encode_cursor(sort_key: str) -> str:
    """A cursor behind the entry with this sort key of the list."""
    return base64.urlsafe_b64encode(sort_key.encode()).decode().rstrip("=")


def decode_cursor(cursor: str, owner: str) -> dict[str, dict[str, str]]:
    """ExclusiveStartKey for `owner`'s list: the partition is theirs, whatever the cursor says.

    Raises:
        InvalidRequest: it was not made by `encode_cursor`.
    """
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        match = _FORM.fullmatch(base64.b64decode(padded, altchars=b"-_", validate=True).decode())
        if match is None:
            raise ValueError
        conversation_id = check_conversation_id(match[2])
    except (ValueError, binascii.Error, NotFound):
        raise InvalidRequest("cursor is not one that a list gave", param="cursor") from None
    key = {
        schema.PK: schema.conversation_key(conversation_id),
        schema.SK: schema.META,
        schema.LIST_PK: schema.list_key(owner),
        schema.LIST_SK: match[0],
    }
    return {name: {"S": value} for name, value in key.items()}
