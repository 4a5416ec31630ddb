"""Which backend a conversation goes to first, which next, and how long to wait when none is free.

With weights the order is rendezvous hashing: each backend draws a number from the conversation's
id, scaled by its weight, and the numbers sort them. So a conversation always has the same order,
shares follow the weights, and a backend that comes or goes moves only the conversations it has.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from orchestrator_lambda.backends.breaker import Breaker
from orchestrator_lambda.backends.interface import Backend


@dataclass(frozen=True, kw_only=True)
class Member:
    """A backend with its breaker.

    Attributes:
        weight: its share of the conversations; None for all members of a router means that they
            are tried in their order.
    """

    backend: Backend
    breaker: Breaker = field(default_factory=Breaker)
    weight: float | None = None

    @property
    def name(self) -> str:
        """The backend's."""
        return self.backend.name

    def available_in(self) -> float:
        """Seconds until it may be tried, as far as its breaker knows."""
        return self.breaker.available_in()


def in_order(members: Sequence[Member], conversation_id: str) -> list[Member]:
    """The members, the first choice first."""
    if any(member.weight is None for member in members):
        return list(members)
    return sorted(members, key=lambda member: _draw(member, conversation_id))


def admitted(order: Sequence[Member], without: Collection[str]) -> Member | None:
    """The first that lets a try in, those in `without` left out. The caller owes it a verdict."""
    for member in order:
        if member.name not in without and member.backend.healthy() and member.breaker.admit():
            return member
    return None


def _draw(member: Member, conversation_id: str) -> float:
    """An exponential variate of rate `weight`: the smallest of them wins by its share."""
    text = f"{member.name}\n{conversation_id}".encode("utf-8", "surrogatepass")
    number = int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big")
    return -math.log((number + 0.5) / 2**64) / (member.weight or 1.0)
