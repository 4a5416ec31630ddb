"""Roles around the serving image: CodeBuild's own, and of the functions that ask and answer."""

from __future__ import annotations

from pipelines.names import Names
from pipelines.policies.documents import ALL, Arns, Document, allow, document


def build(names: Names, account: str, region: str, bucket: str, partition: str = "aws") -> Document:
    """What CodeBuild's script does: read the sources, push, sign, keep the bill of materials."""
    arns = Arns(names, account, region, bucket, partition)
    push = [
        "ecr:BatchCheckLayerAvailability",
        "ecr:BatchDeleteImage",
        "ecr:BatchGetImage",
        "ecr:CompleteLayerUpload",
        "ecr:DescribeImages",
        "ecr:InitiateLayerUpload",
        "ecr:PutImage",
        "ecr:UploadLayerPart",
    ]
    sources = ["s3:GetObject", "s3:GetObjectVersion"]
    log = arns.of("logs", f"log-group:/aws/codebuild/{names.build_project}:*")
    profile = arns.of("signer", f"/signing-profiles/{names.prefix.replace('-', '_')}*")
    return document(
        allow("EnterRegistry", ["ecr:GetAuthorizationToken"], ALL),  # is of the whole registry
        allow("PushImage", push, arns.repository),
        allow("SignImage", ["signer:GetSigningProfile", "signer:SignPayload"], profile),
        allow("ReadSources", sources, arns.objects("image-sources/*")),
        allow("KeepBillOfMaterials", ["s3:PutObject"], arns.objects("image-sboms/*")),
        allow("WriteLogs", ["logs:CreateLogStream", "logs:PutLogEvents"], log),
    )


def build_image(
    names: Names, account: str, region: str, bucket: str, partition: str = "aws"
) -> Document:
    """Start builds, look at what was built, answer the pipeline's step."""
    arns = Arns(names, account, region, bucket, partition)
    answer = [
        "sagemaker:DescribePipelineExecution",
        "sagemaker:SendPipelineExecutionStepFailure",
        "sagemaker:SendPipelineExecutionStepSuccess",
    ]
    builds = [
        "codebuild:BatchGetBuilds",
        "codebuild:ListBuildsForProject",
        "codebuild:StartBuild",
        "codebuild:StopBuild",
    ]
    images = [
        "ecr:DescribeImageScanFindings",
        "ecr:DescribeImageSigningStatus",
        "ecr:DescribeImages",
        "ecr:StartImageScan",
    ]
    execution = arns.sagemaker("pipeline", f"{names.pipeline}/execution/*")
    project = arns.of("codebuild", f"project/{names.build_project}")
    return document(
        allow("AnswerSteps", answer, arns.sagemaker("pipeline", names.pipeline), execution),
        allow("Build", builds, project),
        allow("LookAtImages", images, arns.repository),
        allow("KnowSigning", ["ecr:GetSigningConfiguration"], ALL),  # is of the whole registry
        allow("AskAgainLater", ["sqs:GetQueueUrl", "sqs:SendMessage"], _queue(arns)),
    )


def build_finished(
    names: Names, account: str, region: str, bucket: str, partition: str = "aws"
) -> Document:
    """Put the request of a build that ended on the queue again."""
    arns = Arns(names, account, region, bucket, partition)
    project = arns.of("codebuild", f"project/{names.build_project}")
    return document(
        allow("LookAtBuilds", ["codebuild:BatchGetBuilds"], project),
        allow("AskAgain", ["sqs:GetQueueUrl", "sqs:SendMessage"], _queue(arns)),
    )


def _queue(arns: Arns) -> str:
    return arns.of("sqs", arns.names.build_queue)
