"""Tables, bucket and stream in the stand-ins, made once; the definitions are the orchestrator's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local.errors import StackError
from local.ministack import client
from orchestrator_lambda.history import schema
from orchestrator_lambda.telemetry import seen

TABLE, MARKS = "keepwarm", "keepwarm-marks"
BUCKET = "keepwarm-texts"
STREAM, SHARDS = "keepwarm-events", 2
THERE_ALREADY = frozenset(
    {"ResourceInUseException", "BucketAlreadyOwnedByYou", "BucketAlreadyExists"}
)


def make_stores(url: str) -> None:
    """Whatever is not there yet.

    Raises:
        StackError: the stand-in refuses.
    """
    dynamodb, s3, kinesis = (client(name, url) for name in ("dynamodb", "s3", "kinesis"))
    _once(dynamodb.create_table, schema.table_definition(TABLE))
    _once(dynamodb.create_table, seen.table_definition(MARKS))
    _once(s3.create_bucket, {"Bucket": BUCKET})
    _once(kinesis.create_stream, {"StreamName": STREAM, "ShardCount": SHARDS})


def _once(call: Callable[..., Any], arguments: Mapping[str, Any]) -> None:
    try:
        call(**arguments)
    except ClientError as error:
        if error.response["Error"]["Code"] not in THERE_ALREADY:
            raise StackError(f"the stores refuse what the stack needs: {error}") from error
    except BotoCoreError as error:
        raise StackError(f"the stores do not answer: {error}") from error
