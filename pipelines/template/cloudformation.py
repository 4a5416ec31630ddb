"""The few words of CloudFormation's language that the template needs, as plain data."""

from __future__ import annotations

import re
from typing import Any

Resource = dict[str, Any]
Resources = dict[str, Resource]

ACCOUNT = "${AWS::AccountId}"
REGION = "${AWS::Region}"
PARTITION = "${AWS::Partition}"
BUCKET = "${Bucket}"

_OF_POLICIES = re.compile(r"\$\{(aws|ecr|s3|sagemaker):")
RETAINED = {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}
"""What outlives the stack: weights' results, images and versions are not a stack's to delete."""


def resource(kind: str, **properties: Any) -> Resource:
    """A resource of a kind such as `AWS::SQS::Queue`."""
    return {"Type": kind, "Properties": properties}


def ref(name: str) -> dict[str, str]:
    """A resource's or parameter's own value."""
    return {"Ref": name}


def attribute(name: str, what: str = "Arn") -> dict[str, list[str]]:
    """One of a resource's attributes."""
    return {"Fn::GetAtt": [name, what]}


def sub(text: str) -> dict[str, str] | str:
    """A text in which `${...}` is filled in by CloudFormation; as it is when there is none.

    Variables of IAM, such as `${aws:PrincipalTag/x}`, stay.
    """
    if "${" not in text:
        return text
    text = _OF_POLICIES.sub(lambda match: "${!" + match.group(1) + ":", text)
    return {"Fn::Sub": text} if re.search(r"\$\{[^!]", text) else text.replace("${!", "${")


def filled(value: Any) -> Any:
    """A document in which every text is filled in; keys too cannot be, and are not."""
    if isinstance(value, str):
        return sub(value)
    if isinstance(value, (list, tuple)):
        return [filled(one) for one in value]
    if isinstance(value, dict):
        return {key: filled(one) for key, one in value.items()}
    return value


def statement(effect: str, action: Any, resource: Any, **more: Any) -> dict[str, Any]:
    """A statement of a policy."""
    return {"Effect": effect, "Action": action, "Resource": resource, **more}


def document(*statements: dict[str, Any]) -> dict[str, Any]:
    """A policy."""
    return {"Version": "2012-10-17", "Statement": list(statements)}
