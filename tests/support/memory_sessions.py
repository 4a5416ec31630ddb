"""Sessions in memory, which can be switched off and on: what Redis does, for tests of the turns."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

from orchestrator_lambda.errors import Fenced
from orchestrator_lambda.sessions.interface import StreamEvent


class MemorySessions:
    """The protocol `Sessions`, in one process.

    Attributes:
        down: while true every method gives its degraded answer.
    """

    def __init__(self) -> None:
        self.down = False
        self.wait_ms = 0
        self.tokens_left: int | None = None
        self.spent: dict[str, int] = {}
        self._changed = threading.Condition()
        self._locks: dict[str, tuple[str, float]] = {}
        self._events: dict[tuple[str, int], list[StreamEvent]] = {}
        self._fences: dict[tuple[str, int], int] = {}
        self._stops: set[tuple[str, int]] = set()
        self._endpoint_sessions: dict[str, str] = {}
        self._homes: dict[str, str] = {}

    @property
    def degraded(self) -> bool:
        return self.down

    def acquire(self, conversation_id: str, fence_holder: str, *, ttl_ms: int) -> bool:
        if self.down:
            return True
        with self._changed:
            if self._holder(conversation_id) not in (None, fence_holder):
                return False
            self._locks[conversation_id] = (fence_holder, time.monotonic() + ttl_ms / 1000)
            return True

    def extend(self, conversation_id: str, fence_holder: str, *, ttl_ms: int) -> bool:
        if self.down:
            return True
        with self._changed:
            if self._holder(conversation_id) != fence_holder:
                return False
            self._locks[conversation_id] = (fence_holder, time.monotonic() + ttl_ms / 1000)
            return True

    def release(self, conversation_id: str, fence_holder: str) -> None:
        with self._changed:
            if not self.down and self._holder(conversation_id) == fence_holder:
                del self._locks[conversation_id]

    def held(self, conversation_id: str) -> bool | None:
        with self._changed:
            return None if self.down else self._holder(conversation_id) is not None

    def append(
        self, conversation_id: str, answer_seq: int, fence: int, events: Sequence[StreamEvent]
    ) -> bool:
        if self.down:
            return False
        key = (conversation_id, answer_seq)
        with self._changed:
            kept = self._events.setdefault(key, [])
            stale = fence < self._fences.get(key, 0)
            if stale or (kept and events and events[0].seq <= kept[-1].seq):
                raise Fenced("a newer producer has written")
            self._fences[key] = fence
            kept.extend(events)
            self._changed.notify_all()
            return True

    def read(
        self, conversation_id: str, answer_seq: int, *, after: int, block_ms: int
    ) -> Sequence[StreamEvent] | None:
        key = (conversation_id, answer_seq)
        with self._changed:
            if self.down or key not in self._events:
                return None
            if not self._above(key, after):
                self._changed.wait(block_ms / 1000)
            return None if self.down or key not in self._events else self._above(key, after)

    def request_stop(self, conversation_id: str, answer_seq: int) -> bool:
        if self.down:
            return False
        self._stops.add((conversation_id, answer_seq))
        return True

    def stop_requested(self, conversation_id: str, answer_seq: int) -> bool | None:
        return None if self.down else (conversation_id, answer_seq) in self._stops

    def take_request(self, user: str) -> int:
        return self.wait_ms

    def tokens_left_today(self, user: str) -> int | None:
        return None if self.down else self.tokens_left

    def spend_tokens(self, user: str, tokens: int, *, spend_id: str) -> None:
        if not self.down:
            self.spent.setdefault(spend_id, tokens)

    def endpoint_session(self, conversation_id: str) -> str | None:
        return self._endpoint_sessions.get(conversation_id)

    def keep_endpoint_session(self, conversation_id: str, session_id: str, *, ttl_s: int) -> None:
        self._endpoint_sessions[conversation_id] = session_id

    def home(self, conversation_id: str) -> str | None:
        return None if self.down else self._homes.get(conversation_id)

    def keep_home(self, conversation_id: str, home: str, *, ttl_s: int) -> None:
        if not self.down:
            self._homes[conversation_id] = home

    def drop_home(self, conversation_id: str) -> None:
        if not self.down:
            self._homes.pop(conversation_id, None)

    def forget(self, conversation_id: str) -> None:
        with self._changed:
            self._locks.pop(conversation_id, None)
            self._homes.pop(conversation_id, None)
            for key in [key for key in self._events if key[0] == conversation_id]:
                del self._events[key]
            self._stops = {key for key in self._stops if key[0] != conversation_id}

    def knows(self, conversation_id: str) -> bool:
        """Whether anything is left of a conversation."""
        with self._changed:
            names = {conversation for conversation, _ in [*self._events, *self._stops]}
            return conversation_id in names | set(self._locks)

    def locks(self) -> list[str]:
        """Conversations whose lock is held now."""
        with self._changed:
            return [name for name in list(self._locks) if self._holder(name) is not None]

    def forget_events(self, conversation_id: str, answer_seq: int) -> None:
        """Lose a buffer, as an eviction would."""
        with self._changed:
            self._events.pop((conversation_id, answer_seq), None)

    def _holder(self, conversation_id: str) -> str | None:
        holder, until = self._locks.get(conversation_id, (None, 0.0))
        return holder if time.monotonic() < until else None

    def _above(self, key: tuple[str, int], after: int) -> list[StreamEvent]:
        return [event for event in self._events.get(key, []) if event.seq > after]
