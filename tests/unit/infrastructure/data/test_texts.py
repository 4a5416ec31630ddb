"""Long texts: private, encrypted, and gone when they are deleted."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.chat_boxes import chat_templates


def bucket(variant: str = "dev") -> dict[str, Any]:
    return chat_templates(variant).only("data", "AWS::S3::Bucket", "TextsE")


def logs() -> dict[str, Any]:
    return chat_templates().only("data", "AWS::S3::Bucket", "TextsAccessLogs")


def statements(variant: str = "dev") -> list[dict[str, Any]]:
    policies = chat_templates(variant).data.of_type("AWS::S3::BucketPolicy")
    return [one for policy in policies for one in policy["PolicyDocument"]["Statement"]]


def rules(variant: str) -> dict[str, dict[str, Any]]:
    return {one["Id"]: one for one in bucket(variant)["LifecycleConfiguration"]["Rules"]}


def test_texts_are_encrypted_by_our_key():
    (rule,) = bucket()["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    assert "KeysData" in str(rule["ServerSideEncryptionByDefault"]["KMSMasterKeyID"])
    assert rule["BucketKeyEnabled"] is True


@pytest.mark.parametrize("find", [bucket, logs])
def test_nobody_outside_can_be_let_in(find):
    assert set(find()["PublicAccessBlockConfiguration"].values()) == {True}
    (rule,) = find()["OwnershipControls"]["Rules"]
    assert rule["ObjectOwnership"] == "BucketOwnerEnforced"


def test_only_tls_of_this_decade_gets_in():
    refusals = [one["Condition"] for one in statements() if one["Effect"] == "Deny"]
    assert refusals.count({"Bool": {"aws:SecureTransport": "false"}}) == 2
    assert refusals.count({"NumericLessThan": {"s3:TlsVersion": 1.2}}) == 2


def test_nobody_is_allowed_anything_by_the_bucket_itself_but_s3s_log_delivery():
    allowed = [one for one in statements("prod") if one["Effect"] == "Allow"]
    assert [one["Principal"] for one in allowed] == [{"Service": "logging.s3.amazonaws.com"}]


def test_only_where_data_may_go_are_the_buckets_emptied_when_they_do():
    emptied = {variant: chat_templates(variant).data for variant in ("dev", "prod")}
    assert len(emptied["dev"].of_type("Custom::S3AutoDeleteObjects")) == 2
    assert not emptied["prod"].of_type("Custom::S3AutoDeleteObjects")


def test_deleted_is_deleted_there_are_no_versions():
    assert "VersioningConfiguration" not in bucket()


def test_every_access_is_logged():
    logging = bucket()["LoggingConfiguration"]
    assert "TextsAccessLogs" in logging["DestinationBucketName"]["Ref"]


def test_objects_outlive_the_items_that_name_them_but_not_by_much():
    days = chat_templates().stage.function.retention_days
    rule = rules("dev")["retention"]
    assert (rule["Prefix"], rule["ExpirationInDays"]) == ("messages/", days + 2)


def test_without_a_retention_nothing_expires_but_unfinished_uploads():
    assert set(rules("for_ever")) == {"unfinished-uploads"}
