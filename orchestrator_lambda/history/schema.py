"""The table: names of keys and attributes, and its definition, as plain data.

    PK          SK                     what
    C#<conv>    META                   the conversation; in the user's list (index `list`)
    C#<conv>    M#<seq>                a message; an unfinished or unreported one in `pending`
    C#<conv>    M#<seq>#<text>#<n>     a piece of a long text, named by its hash
    C#<conv>    I#<key>                what an idempotency key began
    C#<conv>    GONE                   a tombstone, until nothing of the conversation is left

The one place that knows them: the cloud's definition, the local stand-ins and the code are all
made of this module.
"""

from __future__ import annotations

from typing import Any

PK, SK, TTL = "PK", "SK", "ttl"
LIST_INDEX, LIST_PK, LIST_SK = "list", "LPK", "LSK"
PENDING_INDEX, PENDING_PK, PENDING_SK = "pending", "PPK", "PSK"
PENDING_SHARDS = 8
META, TOMBSTONE = "META", "GONE"
LIST_ATTRIBUTES = ("owner", "title", "created", "updated", "model", TTL)


def conversation_key(conversation_id: str) -> str:
    """Partition of all items of a conversation."""
    return f"C#{conversation_id}"


def message_key(seq: int) -> str:
    """Sort key of a message: in order of writing."""
    return f"M#{seq:010d}"


def chunk_key(seq: int, text: str, number: int) -> str:
    """Sort key of a piece of a long text; `text` names the text by its hash."""
    return f"{message_key(seq)}#{text}#{number:04d}"


def idempotency_key(key: str) -> str:
    """Sort key of what a client's key began."""
    return f"I#{key}"


def list_key(owner: str) -> str:
    """Partition of a user's list."""
    return f"U#{owner}"


def list_sort_key(updated_ms: int, conversation_id: str) -> str:
    """Order in a user's list: by last change."""
    return f"{updated_ms:013d}#{conversation_id}"


def pending_key(shard: int) -> str:
    """Partition of what the sweeper has to look at."""
    return f"P#{shard}"


def pending_sort_key(moment_ms: int, conversation_id: str, seq: int) -> str:
    """Order in it: by the time of the last sign of life."""
    return f"{moment_ms:013d}#{conversation_id}#{seq}"


def pending_shard(conversation_id: str) -> int:
    """Spreads conversations evenly: the end of an id is random."""
    return ord(conversation_id[-1]) % PENDING_SHARDS


def table_definition(name: str) -> dict[str, Any]:
    """Arguments of CreateTable."""
    return {
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [
            {"AttributeName": key, "AttributeType": "S"}
            for key in (PK, SK, LIST_PK, LIST_SK, PENDING_PK, PENDING_SK)
        ],
        "KeySchema": _keys(PK, SK),
        "GlobalSecondaryIndexes": [
            {
                "IndexName": LIST_INDEX,
                "KeySchema": _keys(LIST_PK, LIST_SK),
                "Projection": {
                    "ProjectionType": "INCLUDE",
                    "NonKeyAttributes": list(LIST_ATTRIBUTES),
                },
            },
            {
                "IndexName": PENDING_INDEX,
                "KeySchema": _keys(PENDING_PK, PENDING_SK),
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            },
        ],
    }


def time_to_live() -> dict[str, Any]:
    """TimeToLiveSpecification of the table."""
    return {"AttributeName": TTL, "Enabled": True}


def _keys(partition: str, sort: str) -> list[dict[str, str]]:
    return [
        {"AttributeName": partition, "KeyType": "HASH"},
        {"AttributeName": sort, "KeyType": "RANGE"},
    ]
