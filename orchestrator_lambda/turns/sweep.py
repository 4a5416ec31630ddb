"""The scheduled look at what was left behind: orphans are ended, unreported events are sent."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

from orchestrator_lambda.errors import OrchestratorError
from orchestrator_lambda.observability.failures import log_failure
from orchestrator_lambda.turns.liveness import is_orphan
from orchestrator_lambda.turns.orphans import end_orphan
from orchestrator_lambda.turns.services import Services

ORPHAN_MS = 60_000
"""A reader may come back and go on with an orphan; after this long nobody is waited for."""

log = logging.getLogger(__name__)


def end_orphans(
    services: Services, *, limit: int, remaining_ms: Callable[[], int]
) -> Mapping[str, int]:
    """End the answers whose producers are gone for good; how many were found, ended and failed."""
    found = ended = failed = 0
    margin_ms = services.settings.margin_seconds * 1000
    older_than = services.clock() - ORPHAN_MS
    for conversation_id, seq in services.history.unfinished(older_than_ms=older_than, limit=limit):
        if remaining_ms() < margin_ms:
            break
        found += 1
        try:
            ended += _end_if_orphan(services, conversation_id, seq)
        except OrchestratorError as error:
            failed += 1
            log_failure(log, "an orphan could not be ended", error)
    return {"found": found, "ended": ended, "failed": failed}


def _end_if_orphan(services: Services, conversation_id: str, seq: int) -> bool:
    answer = services.history.message(conversation_id, seq)
    if answer.status.terminal or not is_orphan(services, conversation_id, answer):
        return False
    end_orphan(services, conversation_id, seq)
    return True
