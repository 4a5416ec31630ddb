"""Sessions in Redis. See Sessions (interface.py) for what every method promises."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from orchestrator_lambda.sessions import scripts
from orchestrator_lambda.sessions.buffers import Buffers
from orchestrator_lambda.sessions.guard import Guard
from orchestrator_lambda.sessions.interface import StreamEvent
from orchestrator_lambda.sessions.keys import ConversationKeys, UserKeys
from orchestrator_lambda.sessions.local_limiter import LocalLimiter
from orchestrator_lambda.sessions.settings import SessionSettings

DAY_SECONDS = 86_400
SPEND_SECONDS = 2 * DAY_SECONDS


class Link:
    """Clients and the scripts known to them.

    Args:
        quick: for commands that answer at once.
        waiting: for reads that wait.
    """

    def __init__(self, quick: Any, waiting: Any, settings: SessionSettings) -> None:
        self.redis = quick
        self.buffers = Buffers(quick, waiting, settings)
        self.acquire = quick.register_script(scripts.ACQUIRE)
        self.extend = quick.register_script(scripts.EXTEND)
        self.release = quick.register_script(scripts.RELEASE)
        self.take = quick.register_script(scripts.TAKE)
        self.spend = quick.register_script(scripts.SPEND)
        self._clients = (quick, waiting)

    def close(self) -> None:
        """Drop all connections."""
        for client in self._clients:
            client.close()


class RedisSessions:
    """Shared state in Redis, or the degraded answers while it is away.

    What runs many times a second while an answer is made (its events, its lock, the look for a
    stop) is in no trace; every other command has a span.

    Args:
        connect: makes a client; told whether it is for reads that wait. Called by the first
            command, since a client of a cluster asks it for its nodes at once.
        now: Unix seconds; decides which day it is.
    """

    def __init__(
        self,
        connect: Callable[[bool], Any],
        settings: SessionSettings | None = None,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._connect = connect
        self._settings = settings or SessionSettings()
        self._guard = Guard(self._settings.failures, self._settings.pause_seconds)
        self._rate_ms = self._settings.rate_per_minute / 60_000
        self._limiter = LocalLimiter(self._settings.rate_requests, self._rate_ms)
        self._now = now
        self._lock = threading.Lock()
        self._made: Link | None = None

    @property
    def degraded(self) -> bool:
        """See Sessions."""
        return self._guard.degraded

    def reset(self) -> None:
        """Drop all connections; new ones are made by need. For before and after a snapshot."""
        with self._lock:
            made, self._made = self._made, None
        if made is not None:
            made.close()

    def acquire(self, conversation_id: str, fence_holder: str, *, ttl_ms: int) -> bool:
        """See Sessions."""
        key = ConversationKeys(conversation_id).lock
        return self._guard.call(
            lambda: bool(self._link().acquire(keys=[key], args=[fence_holder, ttl_ms])),
            True,
            operation="acquire",
        )

    def extend(self, conversation_id: str, fence_holder: str, *, ttl_ms: int) -> bool:
        """See Sessions."""
        key = ConversationKeys(conversation_id).lock
        return self._guard.call(
            lambda: bool(self._link().extend(keys=[key], args=[fence_holder, ttl_ms])), True
        )

    def release(self, conversation_id: str, fence_holder: str) -> None:
        """See Sessions."""
        key = ConversationKeys(conversation_id).lock
        self._guard.call(
            lambda: self._link().release(keys=[key], args=[fence_holder]), None, operation="release"
        )

    def held(self, conversation_id: str) -> bool | None:
        """See Sessions."""
        key = ConversationKeys(conversation_id).lock
        return self._guard.call(lambda: bool(self._link().redis.exists(key)), None)

    def append(
        self, conversation_id: str, answer_seq: int, fence: int, events: Sequence[StreamEvent]
    ) -> bool:
        """See Sessions."""

        def command() -> bool:
            self._link().buffers.append(conversation_id, answer_seq, fence, events)
            return True

        return self._guard.call(command, False)

    def read(
        self, conversation_id: str, answer_seq: int, *, after: int, block_ms: int
    ) -> Sequence[StreamEvent] | None:
        """See Sessions."""
        return self._guard.call(
            lambda: self._link().buffers.read(
                conversation_id, answer_seq, after=after, block_ms=block_ms
            ),
            None,
        )

    def request_stop(self, conversation_id: str, answer_seq: int) -> bool:
        """See Sessions."""
        return self._guard.call(
            lambda: self._link().buffers.request_stop(conversation_id, answer_seq),
            False,
            operation="request_stop",
        )

    def stop_requested(self, conversation_id: str, answer_seq: int) -> bool | None:
        """See Sessions."""
        key = ConversationKeys(conversation_id).stop(answer_seq)
        return self._guard.call(lambda: bool(self._link().redis.exists(key)), None)

    def take_request(self, user: str) -> int:
        """See Sessions."""
        if not self._settings.rate_requests:
            return 0
        key, rate = UserKeys(user).bucket, [self._settings.rate_requests, self._rate_ms]
        wait = self._guard.call(
            lambda: int(self._link().take(keys=[key], args=rate)), None, operation="take_request"
        )
        return self._limiter.take(user) if wait is None else wait

    def tokens_left_today(self, user: str) -> int | None:
        """See Sessions."""
        quota = self._settings.tokens_per_day
        if not quota:
            return None
        key = UserKeys(user).spent(self._day())
        spent = self._guard.call(
            lambda: int(self._link().redis.get(key) or 0), None, operation="tokens_left"
        )
        return None if spent is None else quota - spent

    def spend_tokens(self, user: str, tokens: int, *, spend_id: str) -> None:
        """See Sessions."""
        if not self._settings.tokens_per_day:
            return
        keys, day = UserKeys(user), self._day()
        arguments = [tokens, spend_id, SPEND_SECONDS]
        self._guard.call(
            lambda: self._link().spend(keys=[keys.spent(day), keys.spends(day)], args=arguments),
            None,
            operation="spend_tokens",
        )

    def endpoint_session(self, conversation_id: str) -> str | None:
        """See Sessions."""
        key = ConversationKeys(conversation_id).endpoint_session
        return self._guard.call(
            lambda: _text(self._link().redis.get(key)), None, operation="endpoint_session"
        )

    def keep_endpoint_session(self, conversation_id: str, session_id: str, *, ttl_s: int) -> None:
        """See Sessions."""
        key = ConversationKeys(conversation_id).endpoint_session
        self._guard.call(
            lambda: self._link().redis.set(key, session_id, ex=max(1, ttl_s)),
            None,
            operation="keep_endpoint_session",
        )

    def home(self, conversation_id: str) -> str | None:
        """See Sessions."""
        key = ConversationKeys(conversation_id).home
        return self._guard.call(lambda: _text(self._link().redis.get(key)), None, operation="home")

    def keep_home(self, conversation_id: str, home: str, *, ttl_s: int) -> None:
        """See Sessions."""
        key = ConversationKeys(conversation_id).home
        self._guard.call(
            lambda: self._link().redis.set(key, home, ex=max(1, ttl_s)),
            None,
            operation="keep_home",
        )

    def drop_home(self, conversation_id: str) -> None:
        """See Sessions."""
        key = ConversationKeys(conversation_id).home
        self._guard.call(lambda: self._link().redis.delete(key), None, operation="drop_home")

    def forget(self, conversation_id: str) -> None:
        """See Sessions."""
        self._guard.call(
            lambda: self._link().buffers.forget(conversation_id), None, operation="forget"
        )

    def _link(self) -> Link:
        with self._lock:
            if self._made is None:
                self._made = Link(self._connect(False), self._connect(True), self._settings)
            return self._made

    def _day(self) -> str:
        return time.strftime("%Y%m%d", time.gmtime(self._now()))


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
