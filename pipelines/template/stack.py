"""The template put into the account: created, updated, or found to be as it should be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError, WaiterError

from pipelines.aws import Clients, told
from pipelines.errors import DeployError

BEGAN = "User Initiated"
CANCELLED = "cancelled"
NO_CHANGE = "no updates are to be performed"
WAIT = {"Delay": 5, "MaxAttempts": 360}


class Stack:
    """The stack of one deployment.

    Args:
        clients: where CloudFormation's client comes from.
        name: of the stack.
        wait: seconds between two looks, and how many of them.
    """

    def __init__(self, clients: Clients, name: str, wait: dict[str, int] | None = None) -> None:
        self._client = clients.client("cloudformation")
        self._name = name
        self._wait = wait or WAIT

    @property
    def exists(self) -> bool:
        """Whether it is there, in whatever state.

        Raises:
            DeployError: AWS cannot be asked.
        """
        return self._status() is not None

    def deploy(self, template: str, parameters: Mapping[str, str]) -> str:
        """Bring the account to the template: `created`, `updated` or `unchanged`.

        Args:
            template: its text, or the https:// address of it in S3.
            parameters: the template's, by name.

        Raises:
            DeployError: it cannot be brought there; the first resource that failed says why.
        """
        with told(f"stack {self._name}", DeployError):
            status = self._status()
            if status == "ROLLBACK_COMPLETE":
                raise DeployError(
                    f"stack {self._name} could not be created before: delete it, mend what its "
                    "events name, and run this again"
                )
            request = self._request(template, parameters)
            return self._create(request) if status is None else self._update(request)

    def _create(self, request: dict[str, Any]) -> str:
        self._client.create_stack(**request, EnableTerminationProtection=True)
        self._until("stack_create_complete")
        return "created"

    def _update(self, request: dict[str, Any]) -> str:
        try:
            self._client.update_stack(**request)
        except ClientError as error:
            if NO_CHANGE in error.response["Error"].get("Message", "").lower():
                return "unchanged"
            raise
        self._until("stack_update_complete")
        return "updated"

    def _request(self, template: str, parameters: Mapping[str, str]) -> dict[str, Any]:
        return {
            "StackName": self._name,
            "TemplateURL" if template.startswith("https://") else "TemplateBody": template,
            "Parameters": [
                {"ParameterKey": name, "ParameterValue": value}
                for name, value in parameters.items()
            ],
            "Capabilities": ["CAPABILITY_NAMED_IAM"],
        }

    def _until(self, end: str) -> None:
        try:
            self._client.get_waiter(end).wait(StackName=self._name, WaiterConfig=self._wait)
        except WaiterError as error:
            raise DeployError(f"stack {self._name}: {self._why() or error}") from error

    def _status(self) -> str | None:
        try:
            found = self._client.describe_stacks(StackName=self._name)["Stacks"][0]
        except ClientError as error:
            if "does not exist" in error.response["Error"].get("Message", ""):
                return None
            raise
        return str(found["StackStatus"])

    def _why(self) -> str:
        """The first failure of this deployment; those after it only follow from it."""
        pages = self._client.get_paginator("describe_stack_events").paginate(StackName=self._name)
        first = ""
        for event in (one for page in pages for one in page["StackEvents"]):  # the newest first
            reason = event.get("ResourceStatusReason", "")
            if event["ResourceStatus"].endswith("_FAILED") and CANCELLED not in reason.lower():
                first = f"{event['LogicalResourceId']}: {reason or 'it failed'}"
            if event["LogicalResourceId"] == self._name and reason == BEGAN:
                break
        return first
