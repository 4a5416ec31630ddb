"""One deployment of Keepwarm in one account: what every function here is given."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Self

from pipelines.aws import Clients, account_of, told
from pipelines.errors import DeployError
from pipelines.names import Names
from pipelines.registry.sagemaker import SageMakerRegistry
from pipelines.settings import DeploymentSettings

EXECUTION_ROLE = "execution"


@dataclass(frozen=True)
class Deployment:
    """Clients and settings; `settings.account` is known.

    Attributes:
        clients: of the account.
        settings: of the deployment.
    """

    clients: Clients
    settings: DeploymentSettings

    @classmethod
    def open(cls, clients: Clients, settings: DeploymentSettings) -> Self:
        """A deployment whose account is asked of AWS when the settings have none.

        Raises:
            DeployError: AWS cannot be asked.
        """
        if not settings.account:
            with told("the account", DeployError):
                settings = dataclasses.replace(settings, account=account_of(clients))
        return cls(clients, settings)

    @property
    def names(self) -> Names:
        """What everything is called."""
        return self.settings.names

    @property
    def bucket(self) -> str:
        """Where results and plans are."""
        one = self.settings
        return one.bucket or f"{one.name}-{one.account}-{one.region}"

    @property
    def registry(self) -> SageMakerRegistry:
        """Where versions are."""
        return SageMakerRegistry(self.clients, self.names.package_group, self.bucket)

    @property
    def sagemaker(self) -> Any:
        """SageMaker's client."""
        return self.clients.client("sagemaker")

    @property
    def execution_role(self) -> str:
        """ARN of the role of the endpoint's containers."""
        partition = _partition(self.settings.region)
        role = self.names.role(EXECUTION_ROLE)
        return f"arn:{partition}:iam::{self.settings.account}:role/{role}"

    @property
    def endpoint_arn(self) -> str:
        """ARN of the endpoint."""
        return self._arn(f"endpoint/{self.names.endpoint}")

    @property
    def group_arn(self) -> str:
        """ARN of the package group."""
        return self._arn(f"model-package-group/{self.names.package_group}")

    def _arn(self, rest: str) -> str:
        one = self.settings
        return f"arn:{_partition(one.region)}:sagemaker:{one.region}:{one.account}:{rest}"


def _partition(region: str) -> str:
    if region.startswith("cn-"):
        return "aws-cn"
    return "aws-us-gov" if region.startswith("us-gov-") else "aws"
