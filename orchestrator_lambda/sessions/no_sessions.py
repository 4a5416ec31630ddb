"""Sessions without Redis: every answer is the degraded one."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator_lambda.sessions.interface import StreamEvent
from orchestrator_lambda.sessions.local_limiter import LocalLimiter
from orchestrator_lambda.sessions.settings import SessionSettings


class NoSessions:
    """See Sessions (interface.py). Rates are limited by this process's own estimate."""

    degraded = True

    def __init__(self, settings: SessionSettings | None = None) -> None:
        settings = settings or SessionSettings()
        self._limiter = LocalLimiter(settings.rate_requests, settings.rate_per_minute / 60_000)

    def reset(self) -> None:
        """There is nothing to drop."""

    def acquire(self, conversation_id: str, fence_holder: str, *, ttl_ms: int) -> bool:
        """See Sessions."""
        return True

    def extend(self, conversation_id: str, fence_holder: str, *, ttl_ms: int) -> bool:
        """See Sessions."""
        return True

    def release(self, conversation_id: str, fence_holder: str) -> None:
        """See Sessions."""

    def held(self, conversation_id: str) -> bool | None:
        """See Sessions."""
        return None

    def append(
        self, conversation_id: str, answer_seq: int, fence: int, events: Sequence[StreamEvent]
    ) -> bool:
        """See Sessions."""
        return False

    def read(
        self, conversation_id: str, answer_seq: int, *, after: int, block_ms: int
    ) -> Sequence[StreamEvent] | None:
        """See Sessions."""
        return None

    def request_stop(self, conversation_id: str, answer_seq: int) -> bool:
        """See Sessions."""
        return False

    def stop_requested(self, conversation_id: str, answer_seq: int) -> bool | None:
        """See Sessions."""
        return None

    def take_request(self, user: str) -> int:
        """See Sessions."""
        return self._limiter.take(user)

    def tokens_left_today(self, user: str) -> int | None:
        """See Sessions."""
        return None

    def spend_tokens(self, user: str, tokens: int, *, spend_id: str) -> None:
        """See Sessions."""

    def endpoint_session(self, conversation_id: str) -> str | None:
        """See Sessions."""
        return None

    def keep_endpoint_session(self, conversation_id: str, session_id: str, *, ttl_s: int) -> None:
        """See Sessions."""

    def home(self, conversation_id: str) -> str | None:
        """See Sessions."""
        return None

    def keep_home(self, conversation_id: str, home: str, *, ttl_s: int) -> None:
        """See Sessions."""

    def drop_home(self, conversation_id: str) -> None:
        """See Sessions."""

    def forget(self, conversation_id: str) -> None:
        """See Sessions."""
