"""Roles of the way to a version: the pipeline's own, its jobs', and its functions'."""

from __future__ import annotations

from pipelines.names import Names
from pipelines.policies.documents import (
    ALL,
    Arns,
    Document,
    allow,
    document,
    list_versions,
    pass_role,
    pull_image,
    read_weights,
    write_logs,
)

STEP_FUNCTIONS = ("judge", "register", "teardown")


def pipeline(
    names: Names, account: str, region: str, bucket: str, partition: str = "aws"
) -> Document:
    """What SageMaker does for the native steps, and whom it calls."""
    arns = Arns(names, account, region, bucket, partition)
    staging = f"{names.prefix}-staging-*"
    jobs = ["CreateProcessingJob", "DescribeProcessingJob", "StopProcessingJob"]
    make = ["CreateModel", "CreateEndpointConfig", "CreateEndpoint"]
    look = ["DescribeModel", "DescribeEndpointConfig", "DescribeEndpoint"]
    trial = [arns.sagemaker(kind, staging) for kind in ("model", "endpoint-config", "endpoint")]
    job = arns.sagemaker("processing-job", f"{names.prefix}-*")
    return document(
        allow("RunJobs", _sagemaker(*jobs), job),
        allow("SetUpStaging", _sagemaker(*make, *look), *trial),
        allow("Tag", ["sagemaker:AddTags"], *trial, job),
        pass_role(arns, "execution"),
        pass_role(arns, "steps"),
        allow("AskForImages", ["sqs:SendMessage"], arns.of("sqs", names.build_queue)),
        allow("CallFunctions", ["lambda:InvokeFunction"], *map(arns.function, STEP_FUNCTIONS)),
        allow("ReadResults", ["s3:GetObject"], arns.objects("executions/*")),
    )


def steps(names: Names, account: str, region: str, bucket: str, partition: str = "aws") -> Document:
    """What the processing jobs do: read sources and weights, ask staging, leave documents."""
    arns = Arns(names, account, region, bucket, partition)
    invoke = ["sagemaker:InvokeEndpoint", "sagemaker:InvokeEndpointWithResponseStream"]
    staging = arns.sagemaker("endpoint", f"{names.prefix}-staging-*")
    return document(
        *pull_image(arns),
        *read_weights(arns),
        allow("AskStaging", invoke, staging),
        allow("LeaveDocuments", ["s3:PutObject"], arns.objects("executions/*")),
        *write_logs(arns, "ProcessingJobs", f"{names.prefix}-*"),
    )


def judge(names: Names, account: str, region: str, bucket: str, partition: str = "aws") -> Document:
    """Read what was measured now and of approved versions; write the verdict."""
    arns = Arns(names, account, region, bucket, partition)
    package = arns.sagemaker("model-package", f"{names.package_group}/*")
    return document(
        allow("ReadDocuments", ["s3:GetObject"], arns.objects("executions/*")),
        allow("WriteVerdict", ["s3:PutObject"], arns.objects("executions/*")),
        list_versions(),
        allow("ReadVersions", ["sagemaker:DescribeModelPackage"], package),
    )


def register(
    names: Names, account: str, region: str, bucket: str, partition: str = "aws"
) -> Document:
    """Keep a candidate as a version."""
    arns = Arns(names, account, region, bucket, partition)
    group = arns.sagemaker("model-package-group", names.package_group)
    package = arns.sagemaker("model-package", f"{names.package_group}/*")
    groups = ["CreateModelPackageGroup", "DescribeModelPackageGroup"]
    return document(
        allow("ReadDocuments", ["s3:GetObject"], arns.objects("executions/*")),
        allow("KeepPlan", ["s3:PutObject"], arns.objects("versions/*")),
        allow("Group", _sagemaker(*groups), group),
        list_versions(),
        allow("Register", _sagemaker("CreateModelPackage", "DescribeModelPackage"), group, package),
        *pull_image(arns),
        *read_weights(arns),
    )


def teardown(
    names: Names, account: str, region: str, bucket: str, partition: str = "aws"
) -> Document:
    """Take staging away, whatever it came to."""
    arns = Arns(names, account, region, bucket, partition)
    staging = f"{names.prefix}-staging-*"
    models = arns.sagemaker("model", staging)
    return document(
        allow(
            "RemoveEndpoint",
            _sagemaker("DescribeEndpoint", "DeleteEndpoint"),
            arns.sagemaker("endpoint", staging),
        ),
        allow(
            "RemoveConfig",
            _sagemaker("DescribeEndpointConfig", "DeleteEndpointConfig"),
            arns.sagemaker("endpoint-config", staging),
        ),
        allow("RemoveModels", _sagemaker("DeleteModel", "ListTags"), models),
        allow("FindModels", ["sagemaker:ListModels"], ALL),  # lists have no resource
    )


def _sagemaker(*operations: str) -> list[str]:
    return [f"sagemaker:{one}" for one in operations]
