"""Clients of Redis: one for quick commands, one for reads that wait."""

from __future__ import annotations

from typing import Any

from orchestrator_lambda.sessions.iam import IamCredentials
from orchestrator_lambda.sessions.settings import SessionSettings

WAIT_SECONDS = 30.0  # longest wait of a blocking read, and then some


def connect(url: str, settings: SessionSettings, *, waiting: bool = False) -> Any:
    """A client. One of a cluster asks it for its nodes at once, the other waits for a command.

    A lost connection is made anew once, as every command here may be repeated. With TLS the server
    must show a certificate that is trusted and bears its name.
    """
    import redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    options: dict[str, Any] = {
        "socket_timeout": WAIT_SECONDS if waiting else settings.command_seconds,
        "socket_connect_timeout": settings.connect_seconds,
        "decode_responses": True,
        "protocol": 2,
        **_security(url, settings),
    }
    # A time-out is not tried again: whoever waits would wait twice as long.
    retry = Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,))
    if settings.cluster:
        return redis.RedisCluster.from_url(url, retry=retry, require_full_coverage=False, **options)
    return redis.Redis.from_url(url, retry=retry, retry_on_timeout=False, **options)


def _security(url: str, settings: SessionSettings) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if url.startswith("rediss://"):
        options |= {"ssl_cert_reqs": "required", "ssl_check_hostname": True}
        if settings.ca_file:
            options["ssl_ca_certs"] = settings.ca_file
    if settings.iam_user:
        options["credential_provider"] = IamCredentials(
            user=settings.iam_user,
            cache=settings.iam_cache,
            region=settings.region,
            serverless=settings.iam_serverless,
        )
    return options
