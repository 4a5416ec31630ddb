"""boto3 clients with retries of our own: boto3's neither know the turn's time nor what it costs."""

from __future__ import annotations

from typing import Any

CONNECT_S = 1.0
POOL = 10


def aws_client(service: str, *, read_s: float, attempts: int = 1) -> Any:
    """A client; made once for each execution environment.

    Args:
        service: boto3's name of it. Its address can be set by `AWS_ENDPOINT_URL_<SERVICE>`.
        read_s: seconds without a byte after which a call has failed.
        attempts: tries of each call, the first among them.
    """
    import boto3
    from botocore.config import Config

    config = Config(
        connect_timeout=CONNECT_S,
        read_timeout=read_s,
        max_pool_connections=POOL,
        retries={"total_max_attempts": attempts, "mode": "standard"},
        tcp_keepalive=True,
    )
    return boto3.client(service, config=config)
