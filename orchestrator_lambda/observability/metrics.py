"""Metrics of requests, as lines of CloudWatch's embedded metric format on standard output.

By powertools, which is imported with the first request. Dimensions are few on purpose: the source
of the event and the class of the status; never a user, never a conversation.
"""

from __future__ import annotations

from dataclasses import dataclass

NAMESPACE = "Keepwarm"
SERVICE = "keepwarm-orchestrator"


@dataclass(frozen=True, kw_only=True)
class RequestMetrics:
    """Counts and times of one request.

    Attributes:
        source: kind of the event.
        status: HTTP status of the answer.
        duration_ms: until the last byte.
        first_byte_ms: until status and headers left; None for an answer that went as a whole.
        broken: whether the answer broke off after its beginning.
    """

    source: str
    status: int
    duration_ms: float
    first_byte_ms: float | None = None
    broken: bool = False

    def emit(self) -> None:
        """Write the line."""
        from aws_lambda_powertools.metrics import MetricUnit
        from aws_lambda_powertools.metrics.provider.cloudwatch_emf.cloudwatch import (
            AmazonCloudWatchEMFProvider,
        )

        provider = AmazonCloudWatchEMFProvider(namespace=NAMESPACE, service=SERVICE)
        provider.add_dimension("source", self.source)
        provider.add_dimension("status_class", f"{self.status // 100}xx")
        provider.add_metric("requests", MetricUnit.Count, 1)
        provider.add_metric("broken_streams", MetricUnit.Count, int(self.broken))
        provider.add_metric("request_duration", MetricUnit.Milliseconds, self.duration_ms)
        if self.first_byte_ms is not None:
            provider.add_metric("first_byte", MetricUnit.Milliseconds, self.first_byte_ms)
        provider.flush_metrics()
