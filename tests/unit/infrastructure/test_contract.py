"""Names, layout and environment are those that the functions themselves know."""

from __future__ import annotations

import dataclasses

import pytest

from infrastructure import contract
from infrastructure.errors import SettingsError
from orchestrator_lambda.history import schema
from orchestrator_lambda.history.texts import object_prefix
from orchestrator_lambda.telemetry import seen
from tests.support.infrastructure import a_stage


def test_two_stages_share_no_name():
    dev, prod = (contract.resource_names(a_stage(name)) for name in ("dev", "prod"))
    assert not set(dataclasses.astuple(dev)) & set(dataclasses.astuple(prod))


def test_a_bucket_is_named_after_account_and_region_since_the_world_shares_the_names():
    assert (
        contract.resource_names(a_stage("dev")).texts == "keepwarm-dev-texts-111122223333-us-east-1"
    )


def test_names_that_aws_would_refuse_are_refused_before():
    with pytest.raises(SettingsError, match=r"stage 'd+': prefix = .* shorten it by 1"):
        contract.resource_names(
            a_stage("dev", prefix="k" * 20, region="ap-southeast-1", name="d" * 9)
        )


def test_the_longest_names_that_pass_are_short_enough_for_elasticache():
    names = contract.resource_names(a_stage("dev", prefix="k" * 20, name="d" * 7))
    assert len(names.cache) <= 40
    assert len(names.cache_user) <= 40


def test_the_tables_are_laid_out_by_the_modules_that_use_them():
    names = contract.resource_names(a_stage("dev"))
    history, marks = contract.history_table(names), contract.marks_table(names)
    assert history.definition == schema.table_definition("keepwarm-dev")
    assert history.time_to_live == schema.time_to_live()
    assert marks.definition == seen.table_definition("keepwarm-dev-marks")
    assert marks.time_to_live == seen.time_to_live()


def test_all_objects_of_conversations_lie_where_policies_and_retention_look():
    assert object_prefix("c_1").startswith(contract.OBJECTS)


def test_only_messages_and_their_pieces_begin_like_a_new_message():
    assert schema.message_key(12).startswith(contract.NEW_MESSAGE)
    others = (schema.META, schema.TOMBSTONE, schema.idempotency_key("M"))
    assert not any(key.startswith(contract.NEW_MESSAGE) for key in others)
