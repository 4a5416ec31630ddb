"""The one key."""

from __future__ import annotations

import pytest

from tests.support.chat_boxes import chat_templates


def test_the_key_is_rotated():
    assert chat_templates().keys.only("AWS::KMS::Key")["EnableKeyRotation"] is True


@pytest.mark.parametrize(
    ("variant", "days", "policy"), [("dev", 7, "Delete"), ("prod", 30, "Retain")]
)
def test_a_key_that_goes_goes_late(variant, days, policy):
    ((_, key),) = chat_templates(variant).keys.named("AWS::KMS::Key")
    assert key["Properties"]["PendingWindowInDays"] == days
    assert key["DeletionPolicy"] == policy


def test_services_use_it_for_this_account_alone_and_no_role_is_named():
    key = chat_templates().keys.only("AWS::KMS::Key")
    account, *services = key["KeyPolicy"]["Statement"]
    assert account["Principal"]["AWS"] == "arn:aws:iam::111122223333:root"
    assert {one["Principal"]["Service"] for one in services} == {
        "cloudwatch.amazonaws.com",
        "logs.us-east-1.amazonaws.com",
    }
    for one in services:
        assert "111122223333" in str(one["Condition"])
        assert not any("*" in action for action in one["Action"])
