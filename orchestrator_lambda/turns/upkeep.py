"""What a producer does beside producing: keep its lock, look for a stop, keep partial text."""

from __future__ import annotations

import time

from orchestrator_lambda.errors import StoreUnavailable
from orchestrator_lambda.history.interface import Checkpoint
from orchestrator_lambda.observability.spans import span
from orchestrator_lambda.turns.answer_log import AnswerLog
from orchestrator_lambda.turns.services import Services
from orchestrator_lambda.turns.turn import Turn

STOP_INTERVAL_S = 0.05
DEGRADED_STOP_INTERVAL_S = 1.0


class Upkeep:
    """The regular duties of one turn, each done when it is due."""

    def __init__(self, services: Services, turn: Turn) -> None:
        self._services = services
        self._turn = turn
        settings = services.settings
        self._holder = f"{turn.conversation.id}:{turn.conversation.fence}"
        self._lock_ms = int(settings.lock_seconds * 1000)
        self._lock_every = settings.lock_seconds / 3
        self._checkpoint_every = settings.checkpoint_seconds
        self._next_lock = 0.0
        self._next_stop = 0.0
        self._next_checkpoint = time.monotonic() + self._checkpoint_every
        self._stop_found = False

    def keep_lock(self) -> None:
        """Hold the lock for a while longer; one that a dead producer left is waited out.

        Not having it does no harm: the fence guards what is written. It only tells others that
        somebody is at work.
        """
        now = time.monotonic()
        if now < self._next_lock:
            return
        sessions, name = self._services.sessions, self._turn.conversation.id
        held = sessions.extend(name, self._holder, ttl_ms=self._lock_ms) or sessions.acquire(
            name, self._holder, ttl_ms=self._lock_ms
        )
        self._next_lock = now + (self._lock_every if held else min(0.5, self._lock_every))

    def release(self) -> None:
        """Say that nobody is at work any more."""
        self._services.sessions.release(self._turn.conversation.id, self._holder)

    def stop_requested(self) -> bool:
        """Whether a reader asked to stop; in DynamoDB where Redis cannot say.

        What a checkpoint has found there counts too: the reader's Lambda may have lost Redis while
        this one has not.
        """
        if self._stop_found:
            return True
        now = time.monotonic()
        if now < self._next_stop:
            return False
        name, answer = self._turn.conversation.id, self._turn.answer.seq
        asked = self._services.sessions.stop_requested(name, answer)
        self._next_stop = now + STOP_INTERVAL_S
        if asked is None:
            self._next_stop = now + DEGRADED_STOP_INTERVAL_S
            asked = self._asked_in_history()
        return asked

    def checkpoint_due(self) -> bool:
        """Whether partial text should be kept now."""
        return time.monotonic() >= self._next_checkpoint

    def checkpoint(self, log: AnswerLog) -> None:
        """Keep partial text. A store that is down is tried again at the next time.

        Raises:
            Fenced: a newer producer owns the answer.
        """
        self._next_checkpoint = time.monotonic() + self._checkpoint_every
        turn = self._turn
        at = Checkpoint(
            conversation_id=turn.conversation.id,
            fence=turn.conversation.fence,
            answer_seq=turn.answer.seq,
            text=log.text,
            event_seq=log.last_id,
            now_ms=self._services.clock(),
            tokens=log.tokens,
            expires_s=turn.conversation.expires_s,
        )
        try:
            with span("checkpoint"):
                self._stop_found = self._services.history.checkpoint(at)
        except StoreUnavailable:
            return

    def _asked_in_history(self) -> bool:
        turn = self._turn
        try:
            return self._services.history.stop_requested(turn.conversation.id, turn.answer.seq)
        except StoreUnavailable:
            return False
