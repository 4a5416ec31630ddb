"""Metrics in Prometheus' text format: ours, and the `vllm:` names of SageMaker's dashboard."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import copy

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from serving.request import EngineStats, ModelInfo

PREFIX = "keepwarm:"
ALIAS_PREFIX = "vllm:"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
ALIASED = frozenset(
    {
        "prompt_tokens",
        "generation_tokens",
        "time_to_first_token_seconds",
        "inter_token_latency_seconds",
        "e2e_request_latency_seconds",
        "gpu_cache_usage_perc",
        "num_requests_waiting",
        "num_requests_running",
        "spec_decode_num_drafts",
        "spec_decode_num_draft_tokens",
        "spec_decode_num_accepted_tokens",
    }
)
FIRST_TOKEN_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
INTERVAL_BUCKETS = (0.002, 0.005, 0.01, 0.02, 0.04, 0.08, 0.15, 0.3, 0.6, 1.2, 2.5, 5.0)
REQUEST_BUCKETS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 60.0, 120.0, 480.0)


class Telemetry:
    """The server's metrics, in a registry of their own.

    Args:
        stats: the engine's latest snapshot; None while there is no engine.
        info: what the engine serves; None while there is no engine, or it is loading.
        active: requests in the server.
        sessions: open sessions.
        serving: whether /ping says 200.
    """

    def __init__(
        self,
        *,
        stats: Callable[[], EngineStats | None],
        info: Callable[[], ModelInfo | None],
        active: Callable[[], int],
        sessions: Callable[[], int],
        serving: Callable[[], bool],
    ) -> None:
        inner = CollectorRegistry()
        self.first_token = Histogram(
            f"{PREFIX}time_to_first_token_seconds",
            "From a request's arrival to its first token",
            registry=inner,
            buckets=FIRST_TOKEN_BUCKETS,
        )
        self.interval = Histogram(
            f"{PREFIX}inter_token_latency_seconds",
            "Between two tokens of an answer",
            registry=inner,
            buckets=INTERVAL_BUCKETS,
        )
        self.latency = Histogram(
            f"{PREFIX}e2e_request_latency_seconds",
            "From a request's arrival to the last byte of its answer",
            registry=inner,
            buckets=REQUEST_BUCKETS,
        )
        self.requests = Counter(
            f"{PREFIX}requests",
            "Requests by route and outcome: a finish reason, or the code of an error",
            ["route", "outcome"],
            registry=inner,
        )
        _gauge(inner, "http_requests_active", "Requests in the HTTP server", active)
        _gauge(inner, "sessions_open", "Stateful sessions whose time is not over", sessions)
        _gauge(inner, "ready", "1 while /ping says 200", lambda: float(serving()))
        inner.register(_EngineCollector(stats, info))
        self._registry = CollectorRegistry()
        self._registry.register(_WithAliases(inner))

    def note_interval(self, seconds: float, tokens: int) -> None:
        """Record the time between two outputs, spread over the tokens of the later one."""
        self.interval.observe(seconds / tokens)

    def text(self) -> bytes:
        """All metrics in the text format."""
        return generate_latest(self._registry)


class _EngineCollector(Collector):
    """The engine's counters, read when they are asked for."""

    def __init__(
        self, stats: Callable[[], EngineStats | None], info: Callable[[], ModelInfo | None]
    ) -> None:
        self._stats = stats
        self._info = info

    def collect(self) -> Iterator[Metric]:
        stats = self._stats() or EngineStats()
        for name, about, count in (
            ("prompt_tokens", "Prompt tokens taken in", stats.prompt_tokens),
            ("cached_prompt_tokens", "Prompt tokens found warm", stats.cached_prompt_tokens),
            ("generation_tokens", "Tokens generated", stats.generated_tokens),
            ("preemptions", "Sequences put back to the queue", stats.preemptions),
            ("engine_steps", "Steps of the engine", stats.steps),
            ("failed_steps", "Steps that failed", stats.failed_steps),
            ("spec_decode_num_drafts", "Drafts verified", stats.drafts),
            ("spec_decode_num_draft_tokens", "Tokens drafted", stats.drafted_tokens),
            ("spec_decode_num_accepted_tokens", "Drafted tokens kept", stats.accepted_tokens),
        ):
            yield CounterMetricFamily(f"{PREFIX}{name}", about, value=count)
        for name, about, value in (
            ("num_requests_running", "Sequences in the batch", float(stats.running)),
            ("num_requests_waiting", "Sequences in the queue", float(stats.waiting)),
            ("gpu_cache_usage_perc", "KV cache in use, 1 = all", _usage(stats)),
            ("kv_blocks_total", "Blocks of the KV cache", float(stats.total_blocks)),
            ("kv_blocks_free", "Blocks not in use", float(stats.free_blocks)),
            ("kv_blocks_cached", "Blocks kept warm", float(stats.cached_blocks)),
        ):
            yield GaugeMetricFamily(f"{PREFIX}{name}", about, value=value)
        info = self._info()
        if info is not None:
            yield _engine_info(info)


class _WithAliases(Collector):
    """Another registry's metrics, and some of them a second time under vLLM's names.

    The moments at which the counters were made are left out: nobody reads them.
    """

    def __init__(self, inner: CollectorRegistry) -> None:
        self._inner = inner

    def collect(self) -> Iterator[Metric]:
        metrics = list(self._inner.collect())
        for metric in metrics:
            yield _renamed(metric, str)
        for metric in metrics:
            if metric.name.removeprefix(PREFIX) in ALIASED:
                yield _renamed(metric, _alias)


def _renamed(metric: Metric, rename: Callable[[str], str]) -> Metric:
    renamed = copy(metric)
    renamed.name = rename(metric.name)
    renamed.samples = [
        sample._replace(name=rename(sample.name))
        for sample in metric.samples
        if not sample.name.endswith("_created")
    ]
    return renamed


def _alias(name: str) -> str:
    return ALIAS_PREFIX + name.removeprefix(PREFIX)


def _engine_info(info: ModelInfo) -> Metric:
    """Always 1; the labels tell what runs, the attention backend that passed its test too."""
    labels = ("architecture", "dtype", "device", "attention_backend")
    family = GaugeMetricFamily(f"{PREFIX}engine_info", "What the engine serves", labels=labels)
    family.add_metric([info.architecture, info.dtype, info.device, info.backend], 1.0)
    return family


def _usage(stats: EngineStats) -> float:
    if not stats.total_blocks:
        return 0.0
    return 1.0 - stats.free_blocks / stats.total_blocks


def _gauge(registry: CollectorRegistry, name: str, about: str, read: Callable[[], float]) -> None:
    Gauge(f"{PREFIX}{name}", about, registry=registry).set_function(read)
