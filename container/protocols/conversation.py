"""Which conversation a request belongs to, and what of that may be shown.

A body may name its conversation by `routing_key`, as the orchestrator does for the routers on the
way. No name is shown: `GET /kv` tells conversations apart by labels, hashes under a key that this
process made up, so that nobody can try out names against them.
"""

from __future__ import annotations

import hashlib
import secrets

from container.protocols.fields import Fields

ROUTING_KEY = "routing_key"
PADDING = "."  # of a routing key, to the length that a router looks at
LABEL_BYTES = 6

_KEY = secrets.token_bytes(16)


def read_conversation(fields: Fields) -> str:
    """The name that the body gives its conversation; "" if it gives none."""
    return fields.string(ROUTING_KEY).rstrip(PADDING)


def label_of(conversation: str, salt: str = "") -> str:
    """Twelve hexadecimal digits, the same as long as this process lives; "" for "".

    Args:
        conversation: its name, or the best that there is instead.
        salt: the tenant's, as it keeps the prefix caches apart.
    """
    if not conversation:
        return ""
    digest = hashlib.blake2b(key=_KEY, digest_size=LABEL_BYTES)
    for text in (salt, conversation):
        raw = text.encode("utf-8", "surrogatepass")
        digest.update(len(raw).to_bytes(8, "big") + raw)
    return digest.hexdigest()
