"""The tables in the template are the tables that the code defines."""

from __future__ import annotations

from typing import Any

import pytest

from infrastructure import contract
from tests.support.chat_boxes import chat_templates

SAME = ("TableName", "BillingMode", "KeySchema", "GlobalSecondaryIndexes")


def tables(variant: str = "dev") -> dict[str, dict[str, Any]]:
    found = chat_templates(variant).data.of_type("AWS::DynamoDB::Table")
    return {one["TableName"]: one for one in found}


def attributes(definition: Any) -> dict[str, str]:
    return {
        one["AttributeName"]: one["AttributeType"] for one in definition["AttributeDefinitions"]
    }


@pytest.mark.parametrize("variant", ["dev", "prod"])
def test_keys_indexes_projections_and_ttl_are_the_codes_own(variant):
    names = contract.resource_names(chat_templates(variant).stage)
    for layout in (contract.history_table(names), contract.marks_table(names)):
        made = tables(variant)[layout.definition["TableName"]]
        for name in SAME:
            assert made.get(name) == layout.definition.get(name)
        assert attributes(made) == attributes(layout.definition)
        assert made["TimeToLiveSpecification"] == layout.time_to_live


def test_there_is_no_third_table():
    assert set(tables()) == {"keepwarm-dev", "keepwarm-dev-marks"}


@pytest.mark.parametrize("name", ["keepwarm-dev", "keepwarm-dev-marks"])
def test_what_is_kept_is_encrypted_by_our_key(name):
    encryption = tables()[name]["SSESpecification"]
    assert (encryption["SSEEnabled"], encryption["SSEType"]) == (True, "KMS")
    assert "KeysData" in str(encryption["KMSMasterKeyId"])


def test_backups_reach_back_for_a_week_and_marks_for_a_day():
    days = {name: one["PointInTimeRecoverySpecification"] for name, one in tables().items()}
    assert all(one["PointInTimeRecoveryEnabled"] for one in days.values())
    assert days["keepwarm-dev"]["RecoveryPeriodInDays"] == 7
    assert days["keepwarm-dev-marks"]["RecoveryPeriodInDays"] == 1


def test_only_the_conversations_have_a_stream_and_it_carries_no_text():
    streams = {name: one.get("StreamSpecification") for name, one in tables().items()}
    assert streams == {
        "keepwarm-dev": {"StreamViewType": "KEYS_ONLY"},
        "keepwarm-dev-marks": None,
    }


@pytest.mark.parametrize(("variant", "kept"), [("dev", False), ("prod", True)])
def test_a_stage_that_retains_its_data_protects_it(variant, kept):
    for _, table in chat_templates(variant).data.named("AWS::DynamoDB::Table"):
        assert table["Properties"]["DeletionProtectionEnabled"] is kept
        assert table["DeletionPolicy"] == ("Retain" if kept else "Delete")
        assert table["UpdateReplacePolicy"] == ("Retain" if kept else "Delete")
