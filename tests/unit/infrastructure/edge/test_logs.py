"""The bucket of access logs."""

from __future__ import annotations

from tests.support.edge_boxes import Resource, edge_templates


def test_access_logs_are_private_encrypted_and_forgotten():
    bucket = _bucket("plain")["Properties"]
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    (encryption,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert encryption["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    (rule,) = bucket["LifecycleConfiguration"]["Rules"]
    assert (rule["Status"], rule["ExpirationInDays"]) == ("Enabled", 30)


def test_a_kept_stage_keeps_its_logs_when_its_stack_goes():
    assert _bucket("plain")["DeletionPolicy"] == "Delete"
    assert _bucket("kept")["DeletionPolicy"] == "Retain"


def _bucket(variant: str) -> Resource:
    buckets = edge_templates(variant).edge.named("AWS::S3::Bucket")
    (found,) = [bucket for name, bucket in buckets if "Logs" in name]
    return found
