"""Names of conversations: sortable by time, unguessable, safe in keys and paths."""

from __future__ import annotations

import hashlib
import re
import secrets
import time

from orchestrator_lambda.errors import NotFound

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: no i, l, o, u
_TIME_DIGITS, _RANDOM_DIGITS = 9, 17  # 45 bits of milliseconds, 85 bits of chance
_PATTERN = re.compile(rf"c_[{_ALPHABET}]{{{_TIME_DIGITS + _RANDOM_DIGITS}}}")


def new_conversation_id(now_ms: int | None = None) -> str:
    """A fresh id; ids made later sort later, to the millisecond."""
    moment = time.time_ns() // 1_000_000 if now_ms is None else now_ms
    chance = secrets.randbits(5 * _RANDOM_DIGITS)
    return f"c_{_digits(moment, _TIME_DIGITS)}{_digits(chance, _RANDOM_DIGITS)}"


def conversation_id_of(name: str) -> str:
    """The id that always belongs to a name; unguessable for whoever does not know the name."""
    digest = int.from_bytes(hashlib.sha256(name.encode()).digest())
    return f"c_{_digits(digest, _TIME_DIGITS + _RANDOM_DIGITS)}"


def check_conversation_id(text: str) -> str:
    """`text`, if it can be an id at all.

    Raises:
        NotFound: it cannot, so there is no such conversation; no store needs to be asked.
    """
    if not _PATTERN.fullmatch(text):
        raise NotFound("there is no such conversation")
    return text


def _digits(number: int, count: int) -> str:
    digits = [_ALPHABET[(number >> (5 * place)) & 31] for place in range(count)]
    return "".join(reversed(digits))
