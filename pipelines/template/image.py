"""Where the image is built and kept."""

from __future__ import annotations

import json
from typing import Any

from pipelines.image.buildspec import render
from pipelines.names import Names
from pipelines.template.cloudformation import (
    ACCOUNT,
    BUCKET,
    REGION,
    RETAINED,
    Resources,
    attribute,
    ref,
    resource,
    sub,
)
from pipelines.template.functions import log_group

MINUTES = 90
QUEUED_MINUTES = 60
MACHINE = "BUILD_GENERAL1_LARGE"
BUILDER = "aws/codebuild/amazonlinux-x86_64-standard:5.0"
REGISTRY = f"{ACCOUNT}.dkr.ecr.{REGION}.${{AWS::URLSuffix}}"
NO_SOURCE = f"{BUCKET}/image-sources/none.zip"
"""Every build names its own source; a project must name one too."""


def image(names: Names) -> Resources:
    """Repository, project, and the project's log."""
    repository = resource(
        "AWS::ECR::Repository",
        RepositoryName=names.repository,
        ImageTagMutability="IMMUTABLE",
        ImageScanningConfiguration={"ScanOnPush": True},
        EncryptionConfiguration={"EncryptionType": "AES256"},
        LifecyclePolicy={"LifecyclePolicyText": json.dumps(_lifecycle(), indent=1)},
    )
    return {
        "Repository": {**repository, **RETAINED},
        "BuildProject": resource(
            "AWS::CodeBuild::Project",
            Name=names.build_project,
            ServiceRole=attribute("BuildRole"),
            Source={"Type": "S3", "Location": sub(NO_SOURCE), "BuildSpec": render()},
            Artifacts={"Type": "NO_ARTIFACTS"},
            Environment=_machine(names),
            TimeoutInMinutes=MINUTES,
            QueuedTimeoutInMinutes=QUEUED_MINUTES,
            LogsConfig={"CloudWatchLogs": {"Status": "ENABLED", "GroupName": ref("BuildLog")}},
        ),
        "BuildLog": log_group(f"/aws/codebuild/{names.build_project}"),
    }


def _machine(names: Names) -> dict[str, Any]:
    """Privileged, since it runs docker."""
    variables = {
        "REPOSITORY_URI": sub(f"{REGISTRY}/{names.repository}"),
        "SBOM_PREFIX": sub(f"s3://{BUCKET}/image-sboms"),
    }
    return {
        "Type": "LINUX_CONTAINER",
        "ComputeType": MACHINE,
        "Image": BUILDER,
        "PrivilegedMode": True,
        "EnvironmentVariables": [{"Name": name, "Value": one} for name, one in variables.items()],
    }


def _lifecycle() -> dict[str, Any]:
    """What a gate refused goes after a day.

    Nothing else does: a version that was registered may be rolled back to, and signatures are
    untagged, so that no rule may take what is untagged.
    """
    selection = {
        "tagStatus": "tagged",
        "tagPrefixList": ["build-"],
        "countType": "sinceImagePushed",
        "countUnit": "days",
        "countNumber": 1,
    }
    rule = {"rulePriority": 1, "description": "builds that were refused", "selection": selection}
    return {"rules": [{**rule, "action": {"type": "expire"}}]}
