"""The queue through which requests come, and to which they go back while something runs."""

from __future__ import annotations

from typing import Any

from pipelines.image.request import ImageRequest


class BuildQueue:
    """One queue, by its name."""

    def __init__(self, sqs: Any, name: str) -> None:
        self._sqs, self._name = sqs, name

    def send(self, request: ImageRequest, delay_s: int = 0) -> None:
        """Ask again, in `delay_s` seconds (at most 900)."""
        url = self._sqs.get_queue_url(QueueName=self._name)["QueueUrl"]
        self._sqs.send_message(QueueUrl=url, MessageBody=request.message(), DelaySeconds=delay_s)
