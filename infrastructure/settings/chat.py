"""Around a turn: the functions, their sessions and events, and who watches them."""

from __future__ import annotations

from dataclasses import dataclass

from infrastructure.settings.fields import setting


@dataclass(frozen=True, kw_only=True)
class Function:
    """The orchestrator's Lambda, and its sweeper and consumer."""

    memory_mb: int = setting(1024, "memory in MB", low=256, high=10240)
    timeout_s: int = setting(900, "seconds that one answer may take", low=30, high=900)
    reserved_concurrency: int = setting(
        0, "turns at once at most; 0: the account's limit", low=0, high=100_000
    )
    provisioned_concurrency: int = setting(
        0, "instances kept ready; not with snap_start", low=0, high=100_000
    )
    architecture: str = setting("arm64", "processor", choices=("arm64", "x86_64"))
    snap_start: bool = setting(True, "start from a snapshot")
    log_days: int = setting(
        30,
        "days that logs are kept",
        choices=(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1827, 3653),
    )
    retention_days: int = setting(
        0, "days that a conversation is kept from its beginning on; 0: for ever", low=0, high=36_500
    )
    sweep_minutes: int = setting(1, "minutes between two sweeps of the outbox", low=1, high=60)
    tracing: bool = setting(True, "trace with X-Ray")


@dataclass(frozen=True, kw_only=True)
class Sessions:
    """ElastiCache: locks, stream buffers, rate limits."""

    kind: str = setting(
        "nodes", "nodes of one's own, or serverless", choices=("nodes", "serverless")
    )
    node_type: str = setting(
        "cache.t4g.small",
        "type of a node",
        pattern=r"cache\.[a-z0-9]+\.[a-z0-9]+",
        like="a node type such as cache.t4g.small",
    )
    replicas: int = setting(1, "replicas in other zones; 0: no fail-over", low=0, high=5)
    engine: str = setting("valkey", "engine", choices=("valkey", "redis"))
    version: str = setting(
        "8.0", "the engine's version", pattern=r"\d+\.\d+", like="a version such as 8.0"
    )
    snapshot_days: int = setting(1, "days that daily snapshots are kept; 0: none", low=0, high=35)


@dataclass(frozen=True, kw_only=True)
class Events:
    """Kinesis and its consumer."""

    retention_hours: int = setting(168, "hours that records are kept", low=24, high=8760)
    batch_size: int = setting(200, "records for one call of the consumer", low=1, high=10_000)
    max_retries: int = setting(
        5, "tries before a record goes to the dead letters", low=0, high=10_000
    )
    parallel: int = setting(1, "consumers of one shard at once", low=1, high=10)


@dataclass(frozen=True, kw_only=True)
class Watch:
    """Dashboard, alarms, and who hears of them."""

    email: str = setting(
        "",
        "who is mailed by the alarms; empty: nobody",
        pattern=r"[^@\s]+@[^@\s]+\.[^@\s]+",
        like="a mail address",
    )
    ttft_p95_ms: int = setting(3000, "p95 until the first token, alarm above", low=1, high=900_000)
    truncated_per_hour: int = setting(5, "answers cut short, alarm above", low=0, high=1_000_000)
    hit_share_floor: float = setting(0.5, "cached share of the prompts, alarm below", low=0, high=1)
    iterator_age_ms: int = setting(
        300_000, "age of the consumer's oldest record, alarm above", low=1000, high=86_400_000
    )
    degraded_share: float = setting(
        0.05, "share of turns without Redis, alarm above", low=0, high=1
    )
    prices: str = setting("{}", "JSON of prices, as KEEPWARM_PRICES has it; {}: none")
