"""Settings to sessions."""

from __future__ import annotations

from orchestrator_lambda.sessions.no_sessions import NoSessions
from orchestrator_lambda.sessions.redis_sessions import RedisSessions
from orchestrator_lambda.sessions.settings import SessionSettings


def make_sessions(url: str, settings: SessionSettings) -> RedisSessions | NoSessions:
    """Sessions in the Redis at `url`; without one, the degraded answers for ever.

    Nothing is called: a Redis that is down shows with the first command, and harms nobody.
    """
    if not url:
        return NoSessions(settings)
    from orchestrator_lambda.sessions.connection import connect

    return RedisSessions(lambda waiting: connect(url, settings, waiting=waiting), settings)
