"""A small IAM: what a call needs, and whether a policy allows it.

It knows what the policies of this project use: allow statements, spelled-out actions, `*` in
resources, StringEquals and StringLike. What it does not know is an error, never an allowance.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pipelines.testing.control_plane.part import Call
from pipelines.testing.iam_resources import RESOURCES

Statement = Mapping[str, Any]


@dataclass(frozen=True)
class Need:
    """One thing that a call needs to be allowed.

    Attributes:
        action: such as `sagemaker:CreateModel`.
        resource: an ARN, or `*` where IAM knows none.
        context: keys that conditions look at.
    """

    action: str
    resource: str
    context: Mapping[str, str] = field(default_factory=dict)


def needs(call: Call) -> list[Need]:
    """What IAM asks for before it lets a call through.

    Raises:
        NotImplementedError: nobody has said which resource the operation has.
    """
    entry = RESOURCES.get((call.service, call.operation))
    if entry is None:
        raise NotImplementedError(f"no resource is known of {call.service} {call.operation}")
    context = _context(call)
    found = [Need(entry.action, one, context) for one in entry.resources(call.parameters)]
    return [*found, *_roles(call)]


def statement_for(policy: Mapping[str, Any], need: Need) -> Statement | None:
    """The first statement that allows it."""
    statements: list[Statement] = policy["Statement"]
    return next((one for one in statements if _allows(one, need)), None)


def _allows(statement: Statement, need: Need) -> bool:
    if statement["Effect"] != "Allow":
        raise NotImplementedError(f"effect {statement['Effect']!r}")
    if need.action not in statement["Action"]:
        return False
    fits = any(fnmatch.fnmatchcase(need.resource, one) for one in statement["Resource"])
    return fits and all(
        _holds(operator, wanted, need)
        for operator, wanted in statement.get("Condition", {}).items()
    )


def _holds(operator: str, wanted: Mapping[str, str], need: Need) -> bool:
    if operator not in ("StringEquals", "StringLike"):
        raise NotImplementedError(f"condition {operator!r}")
    for key, value in wanted.items():
        held = need.context.get(key)
        if held is None:
            return False
        exact = operator == "StringEquals"
        if held != value if exact else not fnmatch.fnmatchcase(held, value):
            return False
    return True


def _context(call: Call) -> dict[str, str]:
    if call.service != "application-autoscaling":
        return {}
    names = {
        "application-autoscaling:service-namespace": "ServiceNamespace",
        "application-autoscaling:scalable-dimension": "ScalableDimension",
    }
    return {key: call.parameters[one] for key, one in names.items() if one in call.parameters}


def _roles(call: Call) -> Iterator[Need]:
    """Whoever hands a role to SageMaker must be allowed to."""
    for name in ("ExecutionRoleArn", "RoleArn"):
        if name in call.parameters and call.service == "sagemaker":
            passed = {"iam:PassedToService": "sagemaker.amazonaws.com"}
            yield Need("iam:PassRole", call.parameters[name], passed)
