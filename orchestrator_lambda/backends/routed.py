"""One answer out of as many tries as it takes.

try --Receipt--> merged receipt, the end
 |--busy------> the next member at once; when all were tried: wait as long as they asked
 |--broke, no text yet---> the same, after a short wait
 `--broke, text is out---> the next member goes on from the text: SwitchedBackend, and on
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from random import random

from orchestrator_lambda.backends.answer import truncated
from orchestrator_lambda.backends.choosing import Member, admitted
from orchestrator_lambda.backends.failures import (
    AnswerBroken,
    cancelled,
    overloaded,
    reason_of,
    too_late,
    unavailable,
)
from orchestrator_lambda.backends.interface import (
    Delta,
    Generation,
    GenerationRequest,
    Item,
    Receipt,
    SwitchedBackend,
)
from orchestrator_lambda.backends.partial import PartialAnswer
from orchestrator_lambda.backends.recording import recorded
from orchestrator_lambda.errors import (
    BackendError,
    BackendOverloaded,
    BackendUnavailable,
    InvalidRequest,
)

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class RoutingPolicy:
    """How hard an answer is tried for. All times are in seconds.

    Attributes:
        attempts: tries in a row that give no text.
        continuations: times that an answer under way may be gone on with elsewhere.
        backoff_s: wait before the second round over the members; it doubles with each, and none
            asked for less. Random jitter of up to `jitter` of it is added.
        max_wait_s: longest wait in all without any text; the deadline may allow less.
    """

    attempts: int = 4
    continuations: int = 3
    backoff_s: float = 0.1
    jitter: float = 0.25
    max_wait_s: float = 10.0
    random: Callable[[], float] = field(default=random, repr=False)
    clock: Callable[[], float] = field(default=time.monotonic, repr=False)
    wait: Callable[[threading.Event, float], object] = field(
        default=threading.Event.wait, repr=False
    )


class RoutedGeneration:
    """Obeys `Generation`; `order` are the members, the first choice first."""

    def __init__(
        self, request: GenerationRequest, order: Sequence[Member], policy: RoutingPolicy
    ) -> None:
        self._order = order
        self._policy = policy
        self._partial = PartialAnswer(request)
        allowed = request.deadline_ms
        self._deadline = None if allowed is None else policy.clock() + allowed / 1000
        self._attempts = 0
        self._fruitless = 0  # tries since the last text
        self._rounds = 0
        self._waited_s = 0.0
        self._tried: set[str] = set()  # in this round
        self._broke: tuple[str, str] | None = None  # backend and reason, until another goes on
        self._last_error: BackendError | None = None
        self._begun = False
        self._closed = threading.Event()
        self._lock = threading.Lock()
        self._current: Generation | None = None

    def __iter__(self) -> Iterator[Item]:
        """The items; see the interface."""
        if self._begun:
            raise RuntimeError("a generation is iterated once")
        self._begun = True
        return self._items()

    def close(self) -> None:
        """Cancel, whatever is under way: a try, or the wait for one."""
        self._closed.set()
        with self._lock:
            current = self._current
        if current is not None:
            current.close()

    def _items(self) -> Iterator[Item]:
        while True:
            member = self._next_member()
            try:
                attempt = self._attempt(member)
                yield from recorded(member.name, self._attempts + 1, attempt)
                return
            except InvalidRequest as error:
                raise self._refused(error) from None
            except BackendError as error:
                self._after(member, error)

    def _attempt(self, member: Member) -> Generator[Item, None, None]:
        """One try; ends after the receipt, raises otherwise. The breaker gets its verdict."""
        self._attempts += 1
        self._fruitless += 1
        verdict = member.breaker.dropped
        generation = None
        try:
            generation = self._begin(member)
            item: Item | None = None
            for item in generation:
                yield from self._passed(member, item)
            if not isinstance(item, Receipt):
                raise truncated()
            verdict = member.breaker.succeeded
        except InvalidRequest:
            verdict = member.breaker.alive
            raise
        except BackendOverloaded as error:
            verdict = _busy(member, error)
            raise
        except BackendError as error:
            if not (isinstance(error, AnswerBroken) and error.final):
                verdict = member.breaker.failed
            raise
        finally:
            verdict()
            self._end(generation)

    def _begin(self, member: Member) -> Generation:
        request = self._partial.request(self._attempts, self._left_ms())
        generation = member.backend.generate(request)
        with self._lock:
            self._current = generation
        if self._closed.is_set():
            generation.close()
        return generation

    def _end(self, generation: Generation | None) -> None:
        with self._lock:
            self._current = None
        if generation is not None:
            generation.close()

    def _passed(self, member: Member, item: Item) -> Iterator[Item]:
        if self._broke is not None:
            yield SwitchedBackend(self._broke[0], member.name, self._broke[1])
            self._broke = None
        if isinstance(item, Delta):
            if self._fruitless:
                member.breaker.alive()
            self._partial.add(item.text)
            self._fruitless = self._rounds = 0
            self._waited_s = 0.0
        yield self._partial.merged(item, self._attempts) if isinstance(item, Receipt) else item

    def _after(self, member: Member, error: BackendError) -> None:
        """Take note of a failed try. Raises what the reader gets, if there is to be no other."""
        if self._closed.is_set():
            raise cancelled() from None
        if isinstance(error, AnswerBroken) and error.final:
            raise error
        fields = {
            "backend": member.name,
            "reason": reason_of(error),
            "attempt": self._attempts,
            "mid_answer": self._partial.has_text,
        }
        log.warning("a try failed", extra=fields)
        self._last_error = error
        self._tried.add(member.name)
        before = self._partial.continuations
        self._partial.broke(member.name, error)
        if self._partial.continuations > before:  # it has given text, so this is a new start
            self._tried = {member.name}
            self._broke = (member.name, reason_of(error))
        self._check_limits(error)

    def _check_limits(self, error: BackendError) -> None:
        policy = self._policy
        too_often = self._partial.continuations > policy.continuations
        if too_often or self._fruitless >= policy.attempts:
            raise error

    def _next_member(self) -> Member:
        """The next to try, waited for if need be."""
        while True:
            self._check_time()
            member = admitted(self._order, self._tried)
            if member is not None:
                return member
            self._wait_for_a_round()

    def _wait_for_a_round(self) -> None:
        """All members were tried or are kept from being tried: wait, then all may be again."""
        policy = self._policy
        least = min((member.available_in() for member in self._order), default=0.0)
        least = max(least, policy.backoff_s * 2**self._rounds)
        seconds = least * (1 + policy.jitter * policy.random())
        if not self._order or self._waited_s + seconds > policy.max_wait_s:
            raise self._nobody(least)
        if self._deadline is not None and policy.clock() + seconds >= self._deadline:
            raise self._nobody(least)
        self._waited_s += seconds
        self._rounds += 1
        self._tried.clear()
        policy.wait(self._closed, seconds)

    def _nobody(self, seconds: float) -> BackendError:
        """Nobody takes it in time: as it last failed, or as the breakers have it."""
        error = self._last_error
        wait_ms = max(1, int(seconds * 1000))
        if isinstance(error, BackendOverloaded):
            return overloaded(max(wait_ms, error.retry_after_ms or 0))
        if error is not None and not isinstance(error, BackendUnavailable):
            return error
        return unavailable(wait_ms)

    def _refused(self, error: InvalidRequest) -> Exception:
        """The request's own fault, unless it was we who made it longer."""
        if not self._partial.has_text:
            return error
        return AnswerBroken("the rest of the answer could not be had", reason="error")

    def _check_time(self) -> None:
        if self._closed.is_set():
            raise cancelled()
        left = self._left_ms()
        if left is not None and left <= 0:
            raise too_late()

    def _left_ms(self) -> int | None:
        if self._deadline is None:
            return None
        return int((self._deadline - self._policy.clock()) * 1000)


def _busy(member: Member, error: BackendOverloaded) -> Callable[[], None]:
    return lambda: member.breaker.busy((error.retry_after_ms or 0) / 1000)
