"""DynamoDB: conversations, and marks of events that were counted; laid out by `contract`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_kms as kms
from constructs import Construct

from infrastructure import contract
from infrastructure.contract import TableLayout
from infrastructure.settings import Stage

RECOVERY_DAYS, MARKS_RECOVERY_DAYS = 7, 1
"""Backups keep what users have deleted: long enough to notice a mistake, and not longer."""

_TYPES = {"S": dynamodb.AttributeType.STRING, "N": dynamodb.AttributeType.NUMBER}


class HistoryTables(Construct):
    """Both tables: on demand, encrypted, with recovery to any point of the last days.

    The stream of the conversations carries keys and no word of a message.

    Attributes:
        table: conversations; its stream wakes the sweeper.
        marks: of events.
    """

    def __init__(self, scope: Construct, id: str, *, stage: Stage, key: kms.IKey) -> None:
        super().__init__(scope, id)
        names = contract.resource_names(stage)
        self._stage, self._key = stage, key
        self.table = self._table(
            "Conversations",
            contract.history_table(names),
            RECOVERY_DAYS,
            stream=dynamodb.StreamViewType.KEYS_ONLY,
        )
        self.marks = self._table("Marks", contract.marks_table(names), MARKS_RECOVERY_DAYS)

    def _table(
        self,
        id: str,
        layout: TableLayout,
        recovery_days: int,
        *,
        stream: dynamodb.StreamViewType | None = None,
    ) -> dynamodb.Table:
        definition = layout.definition
        types = {
            one["AttributeName"]: one["AttributeType"] for one in definition["AttributeDefinitions"]
        }
        table = dynamodb.Table(
            self,
            id,
            table_name=definition["TableName"],
            billing_mode=dynamodb.BillingMode[definition["BillingMode"]],
            time_to_live_attribute=layout.time_to_live["AttributeName"],
            stream=stream,
            encryption=dynamodb.TableEncryption.CUSTOMER_MANAGED,
            encryption_key=self._key,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True, recovery_period_in_days=recovery_days
            ),
            deletion_protection=self._stage.retains,
            removal_policy=cdk.RemovalPolicy.RETAIN
            if self._stage.retains
            else cdk.RemovalPolicy.DESTROY,
            **_keys(definition["KeySchema"], types),
        )
        for index in definition.get("GlobalSecondaryIndexes", ()):
            table.add_global_secondary_index(
                index_name=index["IndexName"],
                **_keys(index["KeySchema"], types),
                **_projection(index["Projection"]),
            )
        return table


def _keys(keys: Sequence[Mapping[str, str]], types: Mapping[str, str]) -> dict[str, Any]:
    names = {"HASH": "partition_key", "RANGE": "sort_key"}
    return {
        names[key["KeyType"]]: dynamodb.Attribute(
            name=key["AttributeName"], type=_TYPES[types[key["AttributeName"]]]
        )
        for key in keys
    }


def _projection(projection: Mapping[str, Any]) -> dict[str, Any]:
    kind = dynamodb.ProjectionType[projection["ProjectionType"]]
    if "NonKeyAttributes" not in projection:
        return {"projection_type": kind}
    return {"projection_type": kind, "non_key_attributes": projection["NonKeyAttributes"]}
