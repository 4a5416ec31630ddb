"""The `context` that a plain handler(event, context) gets, as under AWS's managed runtime."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class LambdaContext:
    """What handlers read of it; the names are AWS's."""

    aws_request_id: str
    invoked_function_arn: str
    get_remaining_time_in_millis: Callable[[], int]

    @property
    def function_name(self) -> str:
        """Name of the function."""
        return os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "")

    @property
    def function_version(self) -> str:
        """Version of the function."""
        return os.environ.get("AWS_LAMBDA_FUNCTION_VERSION", "")

    @property
    def memory_limit_in_mb(self) -> str:
        """Memory of the environment."""
        return os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "")

    @property
    def log_group_name(self) -> str:
        """Where the logs are."""
        return os.environ.get("AWS_LAMBDA_LOG_GROUP_NAME", "")

    @property
    def log_stream_name(self) -> str:
        """Where this environment's logs are."""
        return os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME", "")
