"""The event loop: sessions come, ask, wait, think and ask again, while the fleet changes.

    arrival -> routing -> instance's queue -> steps -> first token -> last token -> pause -> arrival

Everything is decided by the workload and the seed; the only clock is the heap of events.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial

from benchmarks.fleet_model.instance import Instance
from benchmarks.fleet_model.routing import Router
from benchmarks.fleet_model.workload import Session
from serving.request import TokenDelta

RETRY_S = 1.0  # a client's wait after a 429


@dataclass(slots=True, kw_only=True)
class Turn:
    """One turn as its user saw it; times in seconds of the simulation.

    Attributes:
        received: tokens of the answer that came, over all attempts.
        cached: tokens of the prompt that the last attempt found warm.
        sends: attempts; more than one after a lost instance.
        refused: how often the fleet answered 429.
    """

    session: Session
    number: int
    sent_at: float
    prompt_len: int
    first_token_at: float | None = None
    finished_at: float | None = None
    received: int = 0
    cached: int = 0
    sends: int = 0
    refused: int = 0
    preemptions: int = 0

    @property
    def wanted(self) -> int:
        """Tokens of its answer."""
        return self.session.answers[self.number]


@dataclass
class Clock:
    """Virtual time; never goes back."""

    now: float = 0.0

    def advance(self, to: float) -> None:
        """Move to `to`.

        Raises:
            ValueError: that is in the past.
        """
        if to < self.now:
            raise ValueError(f"an event at {to} comes after one at {self.now}")
        self.now = to


@dataclass
class Fleet:
    """Who serves: `accepting` are the router's choice, `all` also those that drain or are gone."""

    accepting: list[Instance] = field(default_factory=list)
    all: list[Instance] = field(default_factory=list)
    lifetimes: dict[int, tuple[float, float | None]] = field(default_factory=dict)

    def hours(self, start: float, end: float) -> float:
        """Instance hours between two times."""
        spans = (
            min(end, gone if gone is not None else end) - max(start, came)
            for came, gone in self.lifetimes.values()
        )
        return sum(max(0.0, span) for span in spans) / 3600


class Simulation:
    """Runs a workload on a fleet.

    Args:
        make_instance: makes the instance of a number.
        size: instances at the start.
        router: chooses among those that accept.
        until: no turn is sent later; those that were are finished.
    """

    def __init__(
        self, make_instance: Callable[[int], Instance], size: int, router: Router, *, until: float
    ) -> None:
        self.clock = Clock()
        self.fleet = Fleet()
        self.turns: list[Turn] = []
        self._make_instance = make_instance
        self._router = router
        self._until = until
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._events = 0
        self._live: dict[str, Turn] = {}
        self._stepping: set[int] = set()
        for _ in range(size):
            self.join()

    def run(self, sessions: Iterable[Session]) -> None:
        """Until every turn that was sent is finished."""
        for session in sessions:
            self.at(session.starts_at, partial(self._ask, session, session.first))
        while self._heap:
            when, _, action = heapq.heappop(self._heap)
            self.clock.advance(when)
            action()

    def at(self, when: float, action: Callable[[], None]) -> None:
        """Do something at a time; what is planned for one moment is done in that order."""
        self._events += 1
        heapq.heappush(self._heap, (when, self._events, action))

    def join(self) -> None:
        """A new, cold instance accepts requests."""
        instance = self._make_instance(len(self.fleet.all))
        self.fleet.all.append(instance)
        self.fleet.accepting.append(instance)
        self.fleet.lifetimes[instance.number] = (self.clock.now, None)

    def drain(self) -> None:
        """Scale in: the newest instance gets no more requests, and leaves when it is idle."""
        instance = self.fleet.accepting.pop()
        if not instance.in_flight:
            self._leave(instance)

    def lose(self) -> None:
        """The newest instance is gone at once; its requests are sent again elsewhere."""
        instance = self.fleet.accepting.pop()
        self._leave(instance)
        lost = sorted(instance.in_flight)
        instance.in_flight.clear()
        for request_id in lost:
            self._send(self._live.pop(request_id))

    def warm(self, sessions: Iterable[Session]) -> None:
        """What was said before the beginning is warm, the latest the longest, in one place each."""
        before = sorted((it for it in sessions if it.history), key=lambda it: it.last_said_at)
        for session in before:
            instance = self._router.choose(session.number, session.app, self.fleet.accepting)
            instance.warm(session.tokens(session.history))

    def _leave(self, instance: Instance) -> None:
        came, _ = self.fleet.lifetimes[instance.number]
        self.fleet.lifetimes[instance.number] = (came, self.clock.now)

    def _is_gone(self, instance: Instance) -> bool:
        return self.fleet.lifetimes[instance.number][1] is not None

    def _ask(self, session: Session, number: int) -> None:
        if self.clock.now > self._until:
            return
        turn = Turn(
            session=session,
            number=number,
            sent_at=self.clock.now,
            prompt_len=session.prompt_len(number),
        )
        self.turns.append(turn)
        self._send(turn)

    def _send(self, turn: Turn) -> None:
        """Route a turn, or what is left of it; after a 429 again in a second."""
        session = turn.session
        instance = self._router.choose(session.number, session.app, self.fleet.accepting)
        if instance.is_full:
            turn.refused += 1
            self.at(self.clock.now + RETRY_S, partial(self._send, turn))
            return
        turn.sends += 1
        request_id = f"{session.number}.{turn.number}.{turn.sends}"
        self._live[request_id] = turn
        prompt = session.tokens(turn.prompt_len + turn.received)
        instance.add(request_id, prompt, turn.wanted - turn.received)
        self._step_if_idle(instance)

    def _step_if_idle(self, instance: Instance) -> None:
        if instance.number in self._stepping or not instance.core.has_work:
            return
        self._stepping.add(instance.number)
        seconds, deltas = instance.step()
        self.at(self.clock.now + seconds, partial(self._tell, instance, deltas))

    def _tell(self, instance: Instance, deltas: list[TokenDelta]) -> None:
        """A step is over: its tokens arrive, and the next one begins."""
        self._stepping.discard(instance.number)
        if self._is_gone(instance):
            return
        for delta in deltas:
            self._receive(instance, delta)
        if not instance.in_flight and instance not in self.fleet.accepting:
            self._leave(instance)
        self._step_if_idle(instance)

    def _receive(self, instance: Instance, delta: TokenDelta) -> None:
        turn = self._live[delta.request_id]
        if turn.first_token_at is None:
            turn.first_token_at = self.clock.now
        turn.received += len(delta.token_ids)
        if delta.finish_reason is None:
            return
        del self._live[delta.request_id]
        instance.finish(delta.request_id)
        turn.cached = delta.cached_tokens
        turn.preemptions += delta.preemptions
        turn.finished_at = self.clock.now
        session = turn.session
        if turn.number + 1 < session.turns:
            when = self.clock.now + session.pauses[turn.number]
            self.at(when, partial(self._ask, session, turn.number + 1))
