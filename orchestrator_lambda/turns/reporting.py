"""Sending telemetry after the answer, and crossing off what has arrived."""

from __future__ import annotations

import logging
from collections import defaultdict

from orchestrator_lambda.errors import OrchestratorError
from orchestrator_lambda.http.message import HttpRequest
from orchestrator_lambda.observability.failures import log_failure
from orchestrator_lambda.turns.services import Services

LONGEST_MS = 5_000
RESERVE_MS = 500

log = logging.getLogger(__name__)


def report(services: Services, remaining_ms: int) -> None:
    """Flush the events and take those that have arrived out of their outboxes.

    Never raises: what is not crossed off here is sent once more by the sweeper.
    """
    arrived = services.telemetry.flush(
        deadline_ms=max(0, min(LONGEST_MS, remaining_ms - RESERVE_MS))
    )
    by_answer: dict[tuple[str, int], list[str]] = defaultdict(list)
    for conversation_id, event_id in arrived:
        answer_seq = answer_of(event_id)
        if answer_seq is not None:
            by_answer[conversation_id, answer_seq].append(event_id)
    for (conversation_id, answer_seq), event_ids in by_answer.items():
        try:
            services.history.clear_outbox(conversation_id, answer_seq, event_ids)
        except OrchestratorError as error:
            log_failure(log, "reported events could not be crossed off", error)


def report_after(services: Services, request: HttpRequest) -> None:
    """Report once the answer of this request has left."""
    request.after(lambda: report(services, request.remaining_ms()))


def answer_of(event_id: str) -> int | None:
    """The answer whose outbox holds an event, by its id `conversation:answer:kind`.

    0 stands for the conversation itself: its tombstone has an outbox of its own.
    """
    parts = event_id.split(":")
    return int(parts[1]) if len(parts) == 3 and parts[1].isdigit() else None
