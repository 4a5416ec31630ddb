"""One request's turn: begun or found again, produced or followed, and seen through to its end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from orchestrator_lambda.http.message import AfterHook
from orchestrator_lambda.observability import context as log_context
from orchestrator_lambda.observability.spans import span
from orchestrator_lambda.sessions.interface import StreamEvent
from orchestrator_lambda.turns.asked import Asked
from orchestrator_lambda.turns.begin import Begun, begin_turn
from orchestrator_lambda.turns.follow import Follower, producer_events
from orchestrator_lambda.turns.producer import Producer
from orchestrator_lambda.turns.reporting import report
from orchestrator_lambda.turns.services import Services
from orchestrator_lambda.turns.titles import write_title


@dataclass(frozen=True, kw_only=True)
class Running:
    """A turn under way.

    Attributes:
        events: for this request's reader; None where there was nothing to tell for a while.
    """

    begun: Begun
    events: Iterator[StreamEvent | None]


def run_turn(
    services: Services,
    asked: Asked,
    *,
    remaining_ms: Callable[[], int],
    after: Callable[[AfterHook], None],
) -> Running:
    """Begin what is asked, or find what the same request has begun before.

    Args:
        services: the stores, the backends and the habits.
        asked: the request.
        remaining_ms: how long this invocation may still take.
        after: registers work for the time after the answer.

    Raises:
        OrchestratorError: as begin_turn; nothing was stored.
    """
    log_context.bind(conversation_id=asked.conversation_id)
    with span("begin turn", kind=asked.kind.value) as beginning:
        begun = begin_turn(services, asked)
        beginning.annotate(duplicate=begun.turn is None)
    if begun.turn is None:
        follower = Follower(
            services=services,
            conversation=begun.conversation,
            answer_seq=begun.answer_seq,
            after=0,
            remaining_ms=remaining_ms,
            producing=lambda producer: see_through(services, producer, remaining_ms, after),
            trace=asked.trace,
            request_id=asked.request_id,
        )
        return Running(begun=begun, events=follower.events())
    producer = Producer(services, begun.turn, remaining_ms=remaining_ms, epilogue=_title(services))
    see_through(services, producer.start(), remaining_ms, after)
    events = producer_events(producer, idle_s=services.settings.ping_seconds)
    return Running(begun=begun, events=events)


def see_through(
    services: Services,
    producer: Producer,
    remaining_ms: Callable[[], int],
    after: Callable[[AfterHook], None],
) -> None:
    """Once the answer has left: wait for the producer's last work, then send its telemetry."""
    after(lambda: producer.join(max(0.0, remaining_ms() / 1000 - 1.0)))
    after(lambda: report(services, remaining_ms()))


def _title(services: Services) -> Callable[..., StreamEvent | None] | None:
    if not services.settings.titles:
        return None
    return lambda turn, done: write_title(services, turn, done)
