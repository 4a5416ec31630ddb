"""How Redis is reached, and what is kept in it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from orchestrator_lambda.errors import ConfigError
from orchestrator_lambda.settings import read, setting

_CACHE_NAME = re.compile(r"[a-z][a-z0-9-]{0,39}")


@dataclass(frozen=True, kw_only=True)
class SessionSettings:
    """Connections, limits and lifetimes.

    Raises:
        ConfigError: a value is wrong.
    """

    cluster: bool = setting(
        False,
        "KEEPWARM_REDIS_CLUSTER",
        about="Redis runs in cluster mode; so does every serverless cache",
    )
    command_seconds: float = setting(
        0.05,
        "KEEPWARM_REDIS_SECONDS",
        about="time a command may take; beyond it the answer is the degraded one",
        low=0.005,
        high=5,
    )
    connect_seconds: float = setting(
        0.5,
        "KEEPWARM_REDIS_CONNECT_SECONDS",
        about="time connecting may take",
        low=0.01,
        high=10,
    )
    failures: int = setting(
        3,
        "KEEPWARM_REDIS_FAILURES",
        about="failures in a row after which Redis is left alone",
        low=1,
        high=100,
    )
    pause_seconds: float = setting(
        2.0,
        "KEEPWARM_REDIS_PAUSE_SECONDS",
        about="for this long; then it is tried again",
        low=0.05,
        high=300,
    )
    ca_file: str = setting(
        "", "KEEPWARM_REDIS_CA_FILE", about="PEM file to trust for rediss://; empty: the system's"
    )
    iam_user: str = setting(
        "",
        "KEEPWARM_REDIS_IAM_USER",
        about="ElastiCache user to sign in as by IAM; empty: as the URL says",
    )
    iam_cache: str = setting(
        "", "KEEPWARM_REDIS_IAM_CACHE", about="replication group or serverless cache of that user"
    )
    iam_serverless: bool = setting(
        False, "KEEPWARM_REDIS_IAM_SERVERLESS", about="that cache is a serverless one"
    )
    region: str = setting("", "AWS_REGION", about="region of that cache; Lambda sets it")
    buffer_events: int = setting(
        20_000,
        "KEEPWARM_BUFFER_EVENTS",
        about="events kept of an answer",
        low=100,
        high=1_000_000,
    )
    buffer_seconds: int = setting(
        3600,
        "KEEPWARM_BUFFER_SECONDS",
        about="for this long after the last one",
        low=10,
        high=86400,
    )
    rate_requests: int = setting(
        20,
        "KEEPWARM_RATE_BURST",
        about="requests a user may send at once; 0: any number",
        low=0,
        high=100_000,
    )
    rate_per_minute: float = setting(
        30.0,
        "KEEPWARM_RATE_PER_MINUTE",
        about="and this many more in each minute",
        low=0.1,
        high=100_000,
    )
    tokens_per_day: int = setting(
        0,
        "KEEPWARM_TOKENS_PER_DAY",
        about="tokens a user may spend in a UTC day; 0: any number",
        low=0,
        high=10**12,
    )

    def __post_init__(self) -> None:
        if self.iam_user and not _CACHE_NAME.fullmatch(self.iam_cache):
            raise ConfigError(
                "KEEPWARM_REDIS_IAM_CACHE must name the cache in lower case, as "
                "KEEPWARM_REDIS_IAM_USER is set"
            )
        if self.iam_user and not self.region:
            raise ConfigError("AWS_REGION must be set, as KEEPWARM_REDIS_IAM_USER is set")

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> SessionSettings:
        """Settings from the environment.

        Raises:
            ConfigError: a variable does not hold what its setting needs.
        """
        return read(cls, env)
