"""Which instance gets a request.

What SageMaker publishes of PREFIX_AWARE: requests with equal first `PrefixLength` bytes go to one
instance, until that has `ConcurrencyThreshold` requests in flight; then to one with more capacity
available. Assumed here: the hash is a rendezvous hash, so that only the sessions of an instance
that left move; 'more capacity' is the fewest requests in flight; the router knows those exactly.
`PrefixModulo` is the pessimist's assumption: hash modulo number of instances.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Protocol, TypeVar

_MASK = (1 << 64) - 1


class Target(Protocol):
    """What a router sees of an instance."""

    number: int

    @property
    def outstanding(self) -> int:
        """Requests in flight."""


T = TypeVar("T", bound=Target)


class Router(Protocol):
    """Chooses; there is always at least one instance."""

    def choose(self, session: int, app: int, instances: Sequence[T]) -> T:
        """The instance for a session's next turn."""


class Random:
    """SageMaker's RANDOM."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)

    def choose(self, session: int, app: int, instances: Sequence[T]) -> T:
        """Any."""
        return instances[int(self._rng.random() * len(instances))]


class LeastOutstanding:
    """SageMaker's LEAST_OUTSTANDING_REQUESTS; among equals, any."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)

    def choose(self, session: int, app: int, instances: Sequence[T]) -> T:
        """One with the fewest requests in flight."""
        least = min(it.outstanding for it in instances)
        return self._rng.choice([it for it in instances if it.outstanding == least])


class PrefixHash:
    """PREFIX_AWARE, with spill at a threshold of requests in flight.

    Args:
        by_session: the hashed bytes name the conversation, as the orchestrator's header does; else
            they are the application's system prompt, as in a body that begins with the messages.
    """

    def __init__(self, seed: int, threshold: float, *, by_session: bool = True) -> None:
        self._spill = LeastOutstanding(seed)
        self._threshold = threshold
        self._by_session = by_session

    def choose(self, session: int, app: int, instances: Sequence[T]) -> T:
        """The key's own instance, or one with room."""
        home = self.home(session if self._by_session else app, instances)
        if home.outstanding < self._threshold:
            return home
        return self._spill.choose(session, app, instances)

    def home(self, key: int, instances: Sequence[T]) -> T:
        """Highest score wins: when an instance leaves, nobody else's sessions move."""
        return max(instances, key=lambda it: mix(key, it.number))


class PrefixModulo(PrefixHash):
    """The same with hash modulo number of instances: nearly all move when one leaves."""

    def home(self, key: int, instances: Sequence[T]) -> T:
        """By position."""
        return instances[mix(key, 0) % len(instances)]


class Sticky:
    """Session affinity: a table of who went where, with spill at a threshold.

    A session begins where the fewest requests are, and comes back there, also after a spill, until
    the instance is gone.
    """

    def __init__(self, seed: int, threshold: float) -> None:
        self._least = LeastOutstanding(seed)
        self._threshold = threshold
        self._homes: dict[int, int] = {}

    def choose(self, session: int, app: int, instances: Sequence[T]) -> T:
        """The session's own instance, or one with room."""
        number = self._homes.get(session)
        home = next((it for it in instances if it.number == number), None)
        if home is None:
            home = self._least.choose(session, app, instances)
            self._homes[session] = home.number
        if home.outstanding < self._threshold:
            return home
        return self._least.choose(session, app, instances)


ROUTINGS = ("random", "least", "prefix", "prefix-modulo", "prefix-app", "sticky")


def router(name: str, *, seed: int, threshold: float) -> Router:
    """The router of that name; `threshold` concerns those that spill."""
    made: dict[str, Router] = {
        "random": Random(seed),
        "least": LeastOutstanding(seed),
        "prefix": PrefixHash(seed, threshold),
        "prefix-modulo": PrefixModulo(seed, threshold),
        "prefix-app": PrefixHash(seed, threshold, by_session=False),
        "sticky": Sticky(seed, threshold),
    }
    return made[name]


def mix(key: int, number: int) -> int:
    """64 well mixed bits of two numbers (the finaliser of SplitMix64)."""
    value = (key * 0x9E3779B97F4A7C15 + number * 0xD1B54A32D192ED03 + 0x632BE59BD9B4E019) & _MASK
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK
    return value ^ (value >> 31)
