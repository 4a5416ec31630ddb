"""Where the edge's access logs go: one bucket for the balancer, CloudFront and the page's bucket.

Load balancers and CloudFront write to buckets with S3's own keys only, and CloudFront's standard
logs need access lists; so this bucket stands apart from the data.
"""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infrastructure.settings import Stage

BALANCER_PREFIX = "balancer"
DISTRIBUTION_PREFIX = "cloudfront"
PAGE_PREFIX = "page"


class AccessLogs(Construct):
    """The bucket, emptied by age.

    Attributes:
        bucket: private, encrypted, over TLS alone.
    """

    def __init__(self, scope: Construct, id: str, *, stage: Stage) -> None:
        super().__init__(scope, id)
        self.bucket = s3.Bucket(
            self,
            "Bucket",
            encryption=s3.BucketEncryption.S3_MANAGED,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_PREFERRED,
            enforce_ssl=True,
            versioned=True,
            lifecycle_rules=[
                s3.LifecycleRule(
                    expiration=cdk.Duration.days(stage.function.log_days),
                    noncurrent_version_expiration=cdk.Duration.days(1),
                    abort_incomplete_multipart_upload_after=cdk.Duration.days(1),
                )
            ],
            removal_policy=cdk.RemovalPolicy.RETAIN if stage.retains else cdk.RemovalPolicy.DESTROY,
            auto_delete_objects=not stage.retains,  # a bucket that holds something stays
        )
