"""The stores of one machine are those of the cloud's template, as the stand-ins tell of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from infrastructure.definitions import definitions
from local.stack.redis_command import cloud_parameters
from local.stack.stores import make_stores
from orchestrator_lambda.history import schema
from orchestrator_lambda.telemetry import seen
from tests.support.aws_local import AwsLocal
from tests.support.redis_server import redis_server


@pytest.fixture(scope="module")
def stores(aws: AwsLocal) -> AwsLocal:
    make_stores(aws.endpoint_url)
    return aws


def described(stores: AwsLocal, name: str) -> Any:
    return stores.client("dynamodb").describe_table(TableName=name)["Table"]


def indexes(definition: Any) -> dict[str, tuple[Any, Any]]:
    found = definition.get("GlobalSecondaryIndexes", ())
    return {one["IndexName"]: (one["KeySchema"], one["Projection"]) for one in found}


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        (definitions().table.name, schema.table_definition("")),
        (definitions().marks.name, seen.table_definition("")),
    ],
)
def test_a_table_is_laid_out_as_the_code_defines_it(
    stores: AwsLocal, name: str, wanted: dict[str, Any]
) -> None:
    table = described(stores, name)
    assert table["KeySchema"] == wanted["KeySchema"]
    assert table["AttributeDefinitions"] == wanted["AttributeDefinitions"]
    assert indexes(table) == indexes(wanted)
    assert table["BillingModeSummary"]["BillingMode"] == wanted["BillingMode"]


@pytest.mark.parametrize("name", [definitions().table.name, definitions().marks.name])
def test_items_of_a_table_expire(stores: AwsLocal, name: str) -> None:
    answer = stores.client("dynamodb").describe_time_to_live(TableName=name)
    assert answer["TimeToLiveDescription"] == {
        "TimeToLiveStatus": "ENABLED",
        "AttributeName": schema.TTL,
    }


def test_the_conversations_have_a_stream_of_keys(stores: AwsLocal) -> None:
    table = described(stores, definitions().table.name)
    assert table["StreamSpecification"] == {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}


def test_the_stream_is_on_demand_and_keeps_as_long_as_the_clouds(stores: AwsLocal) -> None:
    wanted = definitions().stream
    answer = stores.client("kinesis").describe_stream_summary(StreamName=wanted.name)
    summary = answer["StreamDescriptionSummary"]
    assert summary["StreamModeDetails"] == {"StreamMode": "ON_DEMAND"}
    assert summary["RetentionPeriodHours"] == wanted.retention_hours


def test_the_bucket_is_there(stores: AwsLocal) -> None:
    assert stores.client("s3").head_bucket(Bucket=definitions().bucket)


def test_making_them_again_leaves_them_as_they_are(stores: AwsLocal) -> None:
    before = described(stores, definitions().table.name)["TableId"]
    make_stores(stores.endpoint_url)
    assert described(stores, definitions().table.name)["TableId"] == before


def test_redis_has_the_parameters_of_the_clouds_group(tmp_path: Path) -> None:
    with redis_server(tmp_path, *cloud_parameters()) as server:
        kept = {name: server.client().config_get(name)[name] for name in definitions().redis}
    assert kept == definitions().redis
