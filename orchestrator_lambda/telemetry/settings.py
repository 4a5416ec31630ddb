"""How telemetry is made, sent and counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from orchestrator_lambda.errors import ConfigError
from orchestrator_lambda.settings import read, setting
from orchestrator_lambda.telemetry.prices import PriceTable, parse_prices


@dataclass(frozen=True, kw_only=True)
class TelemetrySettings:
    """What the orchestrator's side needs.

    Raises:
        ConfigError: a value is wrong.
    """

    stream: str = setting(
        "", "KEEPWARM_STREAM", about="Kinesis stream of the telemetry; empty: events are not sent"
    )
    user_salt: str = setting(
        "",
        "KEEPWARM_TELEMETRY_SALT",
        about="secret that hashes users in telemetry; empty: events name no user at all",
        secret=True,
    )
    prices: str = setting(
        "{}",
        "KEEPWARM_PRICES",
        about='JSON of prices for a million tokens: {"currency": "USD", "date": "2026-11-01", '
        '"source": "...", "models": {"keepwarm": {"input": 0.2, "cached_input": 0.02, '
        '"output": 0.6}}}; the model * stands for all others; {}: no cost is estimated',
    )
    queue_events: int = setting(
        1000,
        "KEEPWARM_TELEMETRY_QUEUE",
        about="events kept in memory until they are sent; the rest is left to the sweeper",
        low=1,
        high=100_000,
    )

    def __post_init__(self) -> None:
        if self.user_salt and len(self.user_salt) < 16:
            raise ConfigError("KEEPWARM_TELEMETRY_SALT must have at least 16 characters")
        _ = self.price_table

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> TelemetrySettings:
        """Settings from the environment.

        Raises:
            ConfigError: a variable does not hold what its setting needs.
        """
        return read(cls, env)

    @property
    def price_table(self) -> PriceTable | None:
        """The prices; None where none are given."""
        try:
            return parse_prices(self.prices)
        except ValueError as error:
            raise ConfigError(f"KEEPWARM_PRICES: {error}") from None


@dataclass(frozen=True, kw_only=True)
class ConsumerSettings:
    """What the consumer needs.

    Raises:
        ConfigError: a value is wrong.
    """

    dedupe_table: str = setting(
        "",
        "KEEPWARM_DEDUPE_TABLE",
        about="DynamoDB table of the events counted already; empty: an event that comes again in "
        "another batch is counted again",
    )
    dedupe_hours: int = setting(
        48,
        "KEEPWARM_DEDUPE_HOURS",
        about="an event is known for this long; longer than the stream keeps it",
        low=1,
        high=24 * 365,
    )
    namespace: str = setting(
        "Keepwarm", "KEEPWARM_METRICS_NAMESPACE", about="CloudWatch namespace of the metrics"
    )
    log_level: str = setting(
        "info",
        "KEEPWARM_LOG_LEVEL",
        about="debug, info, warning or error",
        choices=("debug", "info", "warning", "error"),
    )

    def __post_init__(self) -> None:
        if self.namespace.startswith("AWS/") or len(self.namespace) > 255:
            raise ConfigError(
                f"KEEPWARM_METRICS_NAMESPACE={self.namespace!r} must have at most 255 characters "
                "and not begin with AWS/"
            )

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> ConsumerSettings:
        """Settings from the environment.

        Raises:
            ConfigError: a variable does not hold what its setting needs.
        """
        return read(cls, env)
