"""The topic: encrypted, for alarms of this account, over TLS, mailed to whom the stage names."""

from __future__ import annotations

from typing import Any

from tests.support.capacity_boxes import OTHERWISE, WATCHED, watch_template

SUBSCRIPTION = "AWS::SNS::Subscription"


def test_messages_are_encrypted_by_the_stages_key():
    assert watch_template().only("AWS::SNS::Topic")["KmsMasterKeyId"]


def test_alarms_of_this_account_may_publish_and_nobody_without_tls():
    statements = _statements()
    assert statements["Alarms"]["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert statements["Alarms"]["Condition"] == {
        "StringEquals": {"aws:SourceAccount": "111122223333"}
    }
    (denied,) = [one for one in statements.values() if one["Effect"] == "Deny"]
    assert denied["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert denied["Principal"] == "*"


def test_whom_the_stage_names_is_mailed():
    subscription = watch_template().only(SUBSCRIPTION)
    assert (subscription["Protocol"], subscription["Endpoint"]) == (
        "email",
        "operators@example.com",
    )


def test_without_a_name_nobody_is_mailed():
    assert watch_template(WATCHED, "prod", **OTHERWISE).of_type(SUBSCRIPTION) == []


def _statements() -> dict[str, dict[str, Any]]:
    policy = watch_template().only("AWS::SNS::TopicPolicy")["PolicyDocument"]
    return {one["Sid"]: one for one in policy["Statement"]}
