"""What everything in the account is called: one prefix, and one place that says how names are made.

Pipeline, functions, policies, alarms and commands all ask here, so that a role may touch what a
command makes and nothing else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from pipelines.errors import SettingsError

_PREFIX = re.compile(r"[a-z][a-z0-9-]{0,23}[a-z0-9]")


@dataclass(frozen=True)
class Names:
    """Names of one deployment of Keepwarm in one account and region.

    Args:
        prefix: lower-case letters, digits and hyphens, at most 25; two deployments side by side
            have different ones.

    Raises:
        SettingsError: the prefix is no such word.
    """

    prefix: str = "keepwarm"

    def __post_init__(self) -> None:
        if not _PREFIX.fullmatch(self.prefix):
            raise SettingsError(
                f"name {self.prefix!r} must have 2 to 25 lower-case letters, digits and hyphens, "
                "and begin with a letter"
            )

    @property
    def endpoint(self) -> str:
        """The production endpoint."""
        return self.prefix

    @property
    def variant(self) -> str:
        """The one production variant."""
        return "main"

    @property
    def package_group(self) -> str:
        """The model package group: the registry of versions."""
        return self.prefix

    @property
    def pipeline(self) -> str:
        """The SageMaker pipeline."""
        return self.prefix

    @property
    def stack(self) -> str:
        """The CloudFormation stack of everything that the pipeline needs."""
        return f"{self.prefix}-pipeline"

    @property
    def repository(self) -> str:
        """The ECR repository of the serving image."""
        return self.prefix

    @property
    def build_project(self) -> str:
        """The CodeBuild project that builds the image."""
        return f"{self.prefix}-image"

    @property
    def build_queue(self) -> str:
        """The SQS queue through which the pipeline asks for an image."""
        return f"{self.prefix}-image-builds"

    def function(self, task: str) -> str:
        """The Lambda function of a task, such as `deploy`."""
        return f"{self.prefix}-{task}"

    def role(self, part: str) -> str:
        """The IAM role of a part, such as `pipeline`."""
        return f"{self.prefix}-{part}"

    def staging_endpoint(self, execution: str) -> str:
        """The endpoint that one pipeline execution tries its candidate on."""
        return f"{self.prefix}-staging-{execution}"

    def alarm(self, signal: str) -> str:
        """The alarm on a signal of the production endpoint, such as `ttft-p95`."""
        return f"{self.prefix}-{signal}"
