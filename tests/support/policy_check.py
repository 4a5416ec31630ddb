"""Holds the calls that a fake account saw against the policies of the roles that made them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pipelines.names import Names
from pipelines.policies import POLICIES
from pipelines.testing.control_plane import Call
from pipelines.testing.iam import needs, statement_for

ACCOUNT, REGION = "123456789012", "us-east-1"
BUCKET = f"keepwarm-{ACCOUNT}-{REGION}"


def policy_of(part: str) -> dict[str, Any]:
    """The policy of a role in the fake's account."""
    return POLICIES[part](Names(), ACCOUNT, REGION, BUCKET)


def refused(calls: Iterable[Call]) -> set[str]:
    """What roles did that they may not, one sentence each."""
    found = set()
    for call in calls:
        if call.role in POLICIES:
            policy = policy_of(call.role)
            for need in needs(call):
                if statement_for(policy, need) is None:
                    found.add(f"{call.role}: {need.action} on {need.resource}")
    return found


def used(calls: Iterable[Call]) -> set[str]:
    """Statements that let at least one call through, as `role.Sid`."""
    found = set()
    for call in calls:
        if call.role in POLICIES:
            policy = policy_of(call.role)
            for need in needs(call):
                statement = statement_for(policy, need)
                if statement:
                    found.add(f"{call.role}.{statement['Sid']}")
    return found


def statements() -> set[str]:
    """All statements there are, as `role.Sid`."""
    return {f"{part}.{one['Sid']}" for part in POLICIES for one in policy_of(part)["Statement"]}
