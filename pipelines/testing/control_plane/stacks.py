"""CloudFormation's stacks, as far as one deployment of one template goes."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from pipelines.testing.control_plane.part import Answer, ApiError, Parameters, Part, page
from pipelines.testing.control_plane.s3 import S3

LARGEST = 51_200
PSEUDO = {"AccountId": "123456789012", "Region": "us-east-1"}


class Stacks(Part):
    """CreateStack, UpdateStack and their kin; everything is done at once.

    A stack's bucket exists afterwards. Nothing else of the template does: the other parts make
    what tests need of it.

    Attributes:
        items: stacks by name.
        broken: resource that cannot be made, with the reason.
    """

    service = "cloudformation"

    def __init__(self, plane: Any) -> None:
        super().__init__(plane)
        self.items: dict[str, Answer] = {}
        self.broken: dict[str, str] = {}
        self._requests: dict[str, Answer] = {}
        self._events: dict[str, list[Answer]] = {}

    def resources(self) -> Iterable[str]:
        return (f"stack/{name}" for name in self.items)

    def parameters(self, name: str) -> dict[str, str]:
        """What a stack was told."""
        given = self._requests[name]["Parameters"]
        return {one["ParameterKey"]: one["ParameterValue"] for one in given}

    def create_stack(self, parameters: Parameters) -> Answer:
        name = parameters["StackName"]
        if name in self.items:
            raise ApiError("AlreadyExistsException", f"Stack [{name}] already exists")
        return self._deploy(parameters, "CREATE", "ROLLBACK_COMPLETE")

    def update_stack(self, parameters: Parameters) -> Answer:
        name = parameters["StackName"]
        self._find(name)
        kept = ("TemplateBody", "TemplateURL", "Parameters")
        if all(self._requests[name].get(key) == parameters.get(key) for key in kept):
            raise ApiError("ValidationError", "No updates are to be performed.")
        return self._deploy(parameters, "UPDATE", "UPDATE_ROLLBACK_COMPLETE")

    def describe_stacks(self, parameters: Parameters) -> Answer:
        return {"Stacks": [self._find(parameters["StackName"])]}

    def describe_stack_events(self, parameters: Parameters) -> Answer:
        self._find(parameters["StackName"])
        events = list(reversed(self._events[parameters["StackName"]]))
        return page(events, parameters, "StackEvents", default=100)

    def _deploy(self, parameters: Parameters, verb: str, undone: str) -> Answer:
        name = parameters["StackName"]
        body = self._template(parameters)
        failed = [one for one in body["Resources"] if one in self.broken]
        self._tell(name, name, f"{verb}_IN_PROGRESS", "User Initiated")
        for one in failed:
            self._tell(name, one, f"{verb}_FAILED", self.broken[one])
        if not failed:
            self._requests[name] = parameters
            self._make_buckets(body)
        arn = self.arn(f"stack/{name}/1")
        self.items[name] = {
            "StackId": arn,
            "StackName": name,
            "CreationTime": self.now,
            "StackStatus": undone if failed else f"{verb}_COMPLETE",
        }
        self._tell(name, name, self.items[name]["StackStatus"], "")
        return {"StackId": arn}

    def _template(self, parameters: Parameters) -> Answer:
        """Sent with the request, which has its limit, or at an address in S3."""
        body = parameters.get("TemplateBody", "")
        if len(body) > LARGEST:
            raise ApiError("ValidationError", f"templateBody is longer than {LARGEST}")
        if not body:
            host, _, key = parameters["TemplateURL"].removeprefix("https://").partition("/")
            body = self.plane.part(S3).objects[host.partition(".")[0], key]
        found: Answer = json.loads(body)
        return found

    def _make_buckets(self, body: Answer) -> None:
        for one in body["Resources"].values():
            if one["Type"] == "AWS::S3::Bucket":
                bucket = one["Properties"]["BucketName"]
                if isinstance(bucket, dict):
                    bucket = bucket["Fn::Sub"]
                    for key, value in PSEUDO.items():
                        bucket = bucket.replace(f"${{AWS::{key}}}", value)
                self.plane.part(S3).buckets.add(bucket)

    def _tell(self, stack: str, resource: str, status: str, reason: str) -> None:
        events = self._events.setdefault(stack, [])
        events.append(
            {
                "StackId": self.arn(f"stack/{stack}/1"),
                "EventId": str(len(events)),
                "StackName": stack,
                "LogicalResourceId": resource,
                "Timestamp": self.now,
                "ResourceStatus": status,
                "ResourceStatusReason": reason,
            }
        )

    def _find(self, name: str) -> Answer:
        if name not in self.items:
            raise ApiError("ValidationError", f"Stack with id {name} does not exist")
        return self.items[name]
