"""Events on their way to handlers: late, twice, in any order, as EventBridge delivers them.

A handler that raises is called again after one minute and after two more, as Lambda does with
asynchronous calls; then the event is a dead letter.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Event = dict[str, Any]
Handler = Callable[[Event], object]
Later = Callable[[float, Callable[[], None]], None]
RETRIES_S = (60.0, 120.0)


@dataclass(frozen=True)
class Subscription:
    """A handler, and the pattern of the events that it wants."""

    handler: Handler
    pattern: Mapping[str, Any]


class Delivery:
    """What waits to be delivered, and to whom.

    Attributes:
        sent: all events so far.
        copies: how often each is delivered.
        order: shuffles what waits together, where given.
        dead_letters: (event, error) of handlers that failed each time.
    """

    def __init__(self, later: Later) -> None:
        self._later = later
        self.sent: list[Event] = []
        self.copies = 1
        self.order: random.Random | None = None
        self.dead_letters: list[tuple[Event, Exception]] = []
        self._waiting: list[Event] = []
        self._subscriptions: list[Subscription] = []

    def subscribe(self, handler: Handler, pattern: Mapping[str, Any]) -> None:
        """Let a handler have all later events of a pattern."""
        self._subscriptions.append(Subscription(handler, pattern))

    def send(self, event: Event) -> None:
        """Put one on its way."""
        self.sent.append(event)
        self._waiting += [event] * self.copies

    def deliver(self) -> None:
        """Hand over what waits, and what that causes, until nothing waits."""
        while self._waiting:
            batch, self._waiting = self._waiting, []
            if self.order:
                self.order.shuffle(batch)
            for event in batch:
                self._hand_over(event)

    def _hand_over(self, event: Event) -> None:
        for subscription in self._subscriptions:
            if matches(subscription.pattern, event):
                self._call(subscription.handler, event)

    def _call(self, handler: Handler, event: Event, retries: tuple[float, ...] = RETRIES_S) -> None:
        try:
            handler(event)
        except Exception as error:  # whatever a Lambda raises, its event is tried again
            if retries:
                self._later(retries[0], lambda: self._call(handler, event, retries[1:]))
            else:
                self.dead_letters.append((event, error))


def matches(pattern: Mapping[str, Any], event: Mapping[str, Any]) -> bool:
    """Whether an event fits a pattern of EventBridge: nested keys, lists of values or prefixes."""
    for key, wanted in pattern.items():
        value = event.get(key)
        if isinstance(wanted, Mapping):
            if not isinstance(value, Mapping) or not matches(wanted, value):
                return False
        else:
            values = value if isinstance(value, list) else [value]
            if not any(_fits(choice, one) for choice in wanted for one in values):
                return False
    return True


def _fits(choice: Any, value: Any) -> bool:
    if isinstance(choice, Mapping):
        (kind, text), *_ = choice.items()
        if kind != "prefix":
            raise NotImplementedError(f"patterns with {kind!r} are not understood here")
        return isinstance(value, str) and value.startswith(text)
    return bool(choice == value)
