"""The scheduled job that finds what a dead or cut-off invocation has left behind.

    deletions            --> purged once more, where somebody wrote or a store was down meanwhile
    unfinished turns     --> whoever knows turns ends them (their last events reach the outbox)
    outboxes not empty   --> Kinesis --> crossed off, event by event

Events are crossed off only once they have arrived, so one may be sent twice, and none is lost.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from orchestrator_lambda.errors import OrchestratorError
from orchestrator_lambda.observability.failures import log_failure
from orchestrator_lambda.telemetry.interface import Sender

OLDER_THAN_MS = 60_000
"""A turn that has shown life since then may still flush its own events."""

PAGE = 250
RESERVE_MS = 1_000
LONGEST_SEND_MS = 10_000

log = logging.getLogger(__name__)


class Entry(Protocol):
    """An event that nobody has seen arrive."""

    @property
    def conversation_id(self) -> str:
        """Whose event it is."""

    @property
    def answer_seq(self) -> int:
        """The answer whose outbox holds it."""

    @property
    def event_id(self) -> str:
        """Its id."""

    @property
    def event(self) -> Mapping[str, Any]:
        """The event itself."""


class Outboxes(Protocol):
    """What the sweeper needs of the history. Any method may raise StoreUnavailable."""

    def outbox(self, *, older_than_ms: int, limit: int) -> Iterator[Entry]:
        """Events of turns without a sign of life since then, of at most `limit` turns."""

    def clear_outbox(self, conversation_id: str, answer_seq: int, event_ids: Sequence[str]) -> None:
        """These events have arrived."""

    def unfinished(self, *, older_than_ms: int, limit: int) -> Iterator[tuple[str, int]]:
        """(conversation, answer) of turns without a sign of life since then."""

    def finish_deletions(self, *, older_than_ms: int, limit: int, now_ms: int) -> Iterator[str]:
        """Conversations marked as deleted before then that had to be purged again."""


class FinishTurn(Protocol):
    """Ends a turn whose producer is gone; given by whoever knows turns."""

    def __call__(self, conversation_id: str, answer_seq: int) -> bool:
        """Whether it was dead and has an end now. Raises OrchestratorError: not now."""


@dataclass(frozen=True, kw_only=True)
class Swept:
    """What a run found and did; `complete` if it came to the end of everything."""

    found: int = 0
    sent: int = 0
    cleared: int = 0
    complete: bool = False


@dataclass(frozen=True, kw_only=True)
class Finished:
    """Dead turns: found, ended, and those that could not be ended now."""

    found: int = 0
    ended: int = 0
    failed: int = 0


def finish_turns(
    outboxes: Outboxes,
    finish: FinishTurn,
    *,
    now_ms: int,
    remaining_ms: Callable[[], int],
    older_than_ms: int = OLDER_THAN_MS,
    limit: int = PAGE,
) -> Finished:
    """End turns that nobody answers any more. Raises nothing; run it before `sweep`.

    Args:
        outboxes: the history.
        finish: ends one.
        now_ms: Unix milliseconds.
        remaining_ms: how long this invocation may still take.
        older_than_ms: how long a turn must have been silent.
        limit: most turns of one run.
    """
    found = ended = failed = 0
    try:
        for conversation_id, seq in outboxes.unfinished(
            older_than_ms=now_ms - older_than_ms, limit=limit
        ):
            if remaining_ms() <= RESERVE_MS:
                break
            found += 1
            try:
                ended += finish(conversation_id, seq)
            except OrchestratorError as error:
                failed += 1
                log_failure(log, "a dead turn could not be ended", error)
    except OrchestratorError as error:
        log_failure(log, "dead turns could not be looked for", error)
    return Finished(found=found, ended=ended, failed=failed)


def finish_deletions(
    outboxes: Outboxes,
    *,
    now_ms: int,
    remaining_ms: Callable[[], int],
    older_than_ms: int = OLDER_THAN_MS,
    limit: int = PAGE,
) -> int:
    """Go on with deletions; how many there were to go on with. Raises nothing."""
    found = 0
    try:
        for _ in outboxes.finish_deletions(
            older_than_ms=now_ms - older_than_ms, limit=limit, now_ms=now_ms
        ):
            found += 1
            if remaining_ms() <= RESERVE_MS:
                break
    except OrchestratorError as error:
        log_failure(log, "deletions could not be finished", error)
    return found


def sweep(
    outboxes: Outboxes,
    sender: Sender,
    *,
    now_ms: int,
    remaining_ms: Callable[[], int],
    older_than_ms: int = OLDER_THAN_MS,
    page: int = PAGE,
) -> Swept:
    """Send what is in outboxes, page by page, until they are empty or time is up. Raises nothing.

    It stops where nothing arrives or nothing can be crossed off: the next run begins there again.

    Args:
        outboxes: the history.
        sender: sends and says what has arrived.
        now_ms: Unix milliseconds.
        remaining_ms: how long this invocation may still take.
        older_than_ms: how long a turn must have been silent.
        page: turns looked at together.
    """
    found = sent = 0
    cleared: set[str] = set()
    while remaining_ms() > RESERVE_MS:
        entries = _page(outboxes, now_ms - older_than_ms, page)
        if entries is None:
            break
        # An index that lags may show once more what was crossed off.
        fresh = [entry for entry in entries if entry.event_id not in cleared]
        if not fresh:
            return Swept(found=found, sent=sent, cleared=len(cleared), complete=True)
        found += len(fresh)
        arrived = _send(sender, fresh, remaining_ms())
        sent += len(arrived)
        done = _clear(outboxes, arrived)
        cleared |= done
        if not done:
            break
    return Swept(found=found, sent=sent, cleared=len(cleared), complete=False)


def _page(outboxes: Outboxes, older_than_ms: int, page: int) -> list[Entry] | None:
    """Some entries; None where the store cannot say."""
    try:
        return list(outboxes.outbox(older_than_ms=older_than_ms, limit=page))
    except OrchestratorError as error:
        log_failure(log, "outboxes could not be read", error)
        return None


def _send(sender: Sender, entries: Sequence[Entry], remaining_ms: int) -> list[Entry]:
    deadline_ms = max(0, min(LONGEST_SEND_MS, remaining_ms - RESERVE_MS))
    arrived = set(sender.send([entry.event for entry in entries], deadline_ms=deadline_ms))
    return [entry for entry in entries if (entry.conversation_id, entry.event_id) in arrived]


def _clear(outboxes: Outboxes, entries: Sequence[Entry]) -> set[str]:
    """Cross them off, answer by answer; the ids of those that are."""
    by_answer: dict[tuple[str, int], list[str]] = defaultdict(list)
    for entry in entries:
        by_answer[entry.conversation_id, entry.answer_seq].append(entry.event_id)
    cleared: set[str] = set()
    for (conversation_id, answer_seq), event_ids in by_answer.items():
        try:
            outboxes.clear_outbox(conversation_id, answer_seq, event_ids)
            cleared.update(event_ids)
        except OrchestratorError as error:
            log_failure(log, "events that have arrived could not be crossed off", error)
    return cleared
