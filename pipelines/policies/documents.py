"""How a policy is written: statements of spelled-out actions on resources with our names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from pipelines.names import Names

Document = dict[str, Any]
Statement = dict[str, Any]
ALL = "*"
"""For the few actions that IAM knows no resource of; each use says why."""


class Policy(Protocol):
    """Makes a role's policy."""

    def __call__(
        self, names: Names, account: str, region: str, bucket: str, partition: str = "aws"
    ) -> Document:
        """The document; the texts may be placeholders of a template."""


@dataclass(frozen=True)
class Arns:
    """ARNs of one deployment."""

    names: Names
    account: str
    region: str
    bucket: str
    partition: str

    def of(self, service: str, rest: str) -> str:
        """An ARN in the account and region."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{rest}"

    def sagemaker(self, kind: str, name: str) -> str:
        """Such as `model`, `keepwarm-v*`."""
        return self.of("sagemaker", f"{kind}/{name}")

    def role(self, part: str) -> str:
        """The role of a part."""
        return f"arn:{self.partition}:iam::{self.account}:role/{self.names.role(part)}"

    def function(self, task: str) -> str:
        """The function of a task."""
        return self.of("lambda", f"function:{self.names.function(task)}")

    def objects(self, prefix: str, bucket: str = "") -> str:
        """Objects below a prefix of the bucket."""
        return f"{self.bucket_arn(bucket)}/{prefix}"

    def bucket_arn(self, bucket: str = "") -> str:
        """The bucket, or another."""
        return f"arn:{self.partition}:s3:::{bucket or self.bucket}"

    @property
    def weights(self) -> list[str]:
        """Where weights may lie: the deployment's bucket, and buckets with its prefix."""
        return [self.bucket, f"{self.names.prefix}-*"]

    @property
    def repository(self) -> str:
        """The repository of the serving image."""
        return self.of("ecr", f"repository/{self.names.repository}")


def document(*statements: Statement) -> Document:
    """A policy."""
    return {"Version": "2012-10-17", "Statement": list(statements)}


def allow(
    sid: str, actions: Sequence[str], *resources: str, when: Mapping[str, Any] | None = None
) -> Statement:
    """One statement; its Sid says what it is for."""
    condition = {"Condition": dict(when)} if when else {}
    return {
        "Sid": sid,
        "Effect": "Allow",
        "Action": list(actions),
        "Resource": list(resources),
        **condition,
    }


def pass_role(arns: Arns, part: str) -> Statement:
    """Let SageMaker, and nobody else, have a role."""
    return allow(
        "PassRole" + part.capitalize(),
        ["iam:PassRole"],
        arns.role(part),
        when={"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
    )


def read_weights(arns: Arns) -> list[Statement]:
    """Fetch models from the places where they may lie."""
    return [
        allow("ReadWeights", ["s3:GetObject"], *(arns.objects("*", one) for one in arns.weights)),
        allow("ListWeights", ["s3:ListBucket"], *(arns.bucket_arn(one) for one in arns.weights)),
    ]


def list_versions() -> Statement:
    """Find versions; IAM knows no resource of lists."""
    return allow("ListVersions", ["sagemaker:ListModelPackages"], ALL)


def pull_image(arns: Arns) -> list[Statement]:
    """Start containers of the serving image."""
    layers = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    return [
        allow("EnterRegistry", ["ecr:GetAuthorizationToken"], ALL),  # is of the whole registry
        allow("PullImage", layers, arns.repository),
    ]


def write_logs(arns: Arns, group: str, stream: str = "*") -> list[Statement]:
    """Logs of containers, under /aws/sagemaker.

    Args:
        arns: whose containers they are.
        group: its last part; one for an endpoint, one for all processing jobs of the account.
        stream: names of the streams that are ours.
    """
    where = arns.of("logs", f"log-group:/aws/sagemaker/{group}")
    write = ["logs:CreateLogStream", "logs:PutLogEvents"]
    return [
        allow("LogGroup", ["logs:CreateLogGroup", "logs:DescribeLogStreams"], f"{where}:*"),
        allow("WriteLogs", write, f"{where}:log-stream:{stream}"),
    ]
