"""S3: messages too long for DynamoDB, each an object below `messages/`."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infrastructure import contract
from infrastructure.settings import Stage

LOG_DAYS = 90
SPARE_DAYS = 2
"""DynamoDB's TTL may take two days; no object goes before the item that names it."""


class Texts(Construct):
    """The bucket and its access log. Without versions: deleted is deleted.

    Objects are named by their content and written once, so a version could only be what a user
    wanted gone.

    Attributes:
        bucket: the texts.
        log_bucket: who read them; S3's own log delivery writes it, which takes no key of ours.
    """

    def __init__(self, scope: Construct, id: str, *, stage: Stage, key: kms.IKey) -> None:
        super().__init__(scope, id)
        self.log_bucket = s3.Bucket(
            self,
            "AccessLogs",
            encryption=s3.BucketEncryption.S3_MANAGED,
            lifecycle_rules=[
                s3.LifecycleRule(id="old-logs", expiration=cdk.Duration.days(LOG_DAYS)),
                _unfinished(),
            ],
            **_closed(stage),
        )
        self.bucket = s3.Bucket(
            self,
            "Texts",
            bucket_name=contract.resource_names(stage).texts,
            encryption=s3.BucketEncryption.KMS,
            encryption_key=key,
            bucket_key_enabled=True,
            lifecycle_rules=[_unfinished(), *_retention(stage)],
            server_access_logs_bucket=self.log_bucket,
            server_access_logs_prefix="texts/",
            **_closed(stage),
        )


def _closed(stage: Stage) -> dict[str, Any]:
    """What holds for both: private, TLS, of one owner."""
    return {
        "block_public_access": s3.BlockPublicAccess.BLOCK_ALL,
        "object_ownership": s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
        "enforce_ssl": True,
        "minimum_tls_version": 1.2,
        "auto_delete_objects": not stage.retains,  # a bucket that holds something stays
        "removal_policy": cdk.RemovalPolicy.RETAIN if stage.retains else cdk.RemovalPolicy.DESTROY,
    }


def _unfinished() -> s3.LifecycleRule:
    return s3.LifecycleRule(
        id="unfinished-uploads", abort_incomplete_multipart_upload_after=cdk.Duration.days(1)
    )


def _retention(stage: Stage) -> list[s3.LifecycleRule]:
    """DynamoDB's TTL takes the items; nothing but this takes their objects."""
    days = stage.function.retention_days
    if not days:
        return []
    return [
        s3.LifecycleRule(
            id="retention", prefix=contract.OBJECTS, expiration=cdk.Duration.days(days + SPARE_DAYS)
        )
    ]
