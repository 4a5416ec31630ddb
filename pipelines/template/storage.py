"""The bucket: sources and results. Encrypted, private, over TLS alone; it outlives the stack."""

from __future__ import annotations

from typing import Any

from pipelines.settings import DeploymentSettings
from pipelines.template.cloudformation import (
    ACCOUNT,
    REGION,
    RETAINED,
    Resources,
    document,
    ref,
    resource,
    statement,
    sub,
)

OLD_VERSIONS_DAYS = 30
HALF_UPLOADS_DAYS = 7


def storage(settings: DeploymentSettings) -> Resources:
    """The bucket and its policy."""
    encryption = {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    bucket = resource(
        "AWS::S3::Bucket",
        BucketName=settings.bucket or sub(f"{settings.name}-{ACCOUNT}-{REGION}"),
        BucketEncryption={"ServerSideEncryptionConfiguration": [encryption]},
        OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
        PublicAccessBlockConfiguration={
            "BlockPublicAcls": True,
            "BlockPublicPolicy": True,
            "IgnorePublicAcls": True,
            "RestrictPublicBuckets": True,
        },
        VersioningConfiguration={"Status": "Enabled"},
        LifecycleConfiguration={"Rules": [_tidy()]},
    )
    policy = resource("AWS::S3::BucketPolicy", Bucket=ref("Bucket"), PolicyDocument=_tls_alone())
    return {"Bucket": {**bucket, **RETAINED}, "BucketPolicy": policy}


def _tidy() -> dict[str, Any]:
    return {
        "Id": "tidy",
        "Status": "Enabled",
        "NoncurrentVersionExpiration": {"NoncurrentDays": OLD_VERSIONS_DAYS},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": HALF_UPLOADS_DAYS},
    }


def _tls_alone() -> dict[str, Any]:
    everything = [sub("${Bucket.Arn}"), sub("${Bucket.Arn}/*")]
    everyone = {"Principal": "*"}
    return document(
        statement(
            "Deny",
            "s3:*",
            everything,
            Sid="OnlyOverTls",
            Condition={"Bool": {"aws:SecureTransport": "false"}},
            **everyone,
        ),
        statement(
            "Deny",
            "s3:*",
            everything,
            Sid="NoOldTls",
            Condition={"NumericLessThan": {"s3:TlsVersion": "1.2"}},
            **everyone,
        ),
    )
