"""Deleting a conversation everywhere: history, live state, and a word to telemetry."""

from __future__ import annotations

import logging

from orchestrator_lambda.conversation.model import Conversation
from orchestrator_lambda.errors import NotFound, StoreUnavailable
from orchestrator_lambda.observability.failures import log_failure
from orchestrator_lambda.turns.services import Services

log = logging.getLogger(__name__)


def delete_conversation(services: Services, conversation: Conversation) -> None:
    """Delete it. Whoever is writing in it is told to stop, and cleans up behind itself.

    Once this returns nobody finds it any more. What could not be removed at once, because a store
    is down or a producer was quicker, is the sweeper's to remove.

    Raises:
        StoreUnavailable: nothing was deleted.
    """
    now = services.clock()
    event = services.reporter.deleted(conversation, now)
    services.history.delete(conversation.id, outbox={event["event_id"]: event}, now_ms=now)
    services.telemetry.emit(event)
    purge(services, conversation.id)
    if conversation.answering is not None:
        services.sessions.request_stop(conversation.id, conversation.answering)


def clean_up(services: Services, conversation_id: str) -> None:
    """After a refused write: if the conversation was deleted, so is what came too late."""
    try:
        services.history.get(conversation_id)
    except NotFound:
        purge(services, conversation_id)
    except StoreUnavailable as error:
        log_failure(log, "it is not known why a write was refused", error)


def purge(services: Services, conversation_id: str) -> None:
    """Remove what is left of a deleted conversation. Never raises: the sweeper does it again."""
    services.sessions.forget(conversation_id)
    try:
        services.history.purge(conversation_id)
    except StoreUnavailable as error:
        log_failure(log, "a deleted conversation could not be purged", error)
