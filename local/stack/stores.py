"""Tables, bucket and stream in the stand-ins, made once; the definitions are the cloud's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from infrastructure.definitions import Definitions, definitions
from local.errors import StackError
from local.ministack import client

THERE_ALREADY = frozenset(
    {"ResourceInUseException", "BucketAlreadyOwnedByYou", "BucketAlreadyExists"}
)


def make_stores(url: str, wanted: Definitions | None = None) -> None:
    """Whatever is not there yet.

    Args:
        url: of the stand-in.
        wanted: what to make; the template's definitions by default.

    Raises:
        StackError: the stand-in refuses.
    """
    wanted = wanted or definitions()
    dynamodb, s3, kinesis = (client(name, url) for name in ("dynamodb", "s3", "kinesis"))
    for table in (wanted.table, wanted.marks):
        if _once(dynamodb.create_table, **table.create):
            _once(
                dynamodb.update_time_to_live,
                TableName=table.name,
                TimeToLiveSpecification=dict(table.time_to_live),
            )
    _once(s3.create_bucket, Bucket=wanted.bucket)
    stream = wanted.stream
    if _once(kinesis.create_stream, **stream.create):
        _once(
            kinesis.increase_stream_retention_period,
            StreamName=stream.name,
            RetentionPeriodHours=stream.retention_hours,
        )


def _once(call: Callable[..., Any], **arguments: Any) -> bool:
    """Whether it was not there before."""
    try:
        call(**arguments)
    except ClientError as error:
        if error.response["Error"]["Code"] in THERE_ALREADY:
            return False
        raise StackError(f"the stores refuse what the stack needs: {error}") from error
    except BotoCoreError as error:
        raise StackError(f"the stores do not answer: {error}") from error
    return True
