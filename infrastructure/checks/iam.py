"""Every permission of a stage in one list: who may do what with what, and whom a resource lets in.

Its snapshot is reviewed like code: a permission that comes or goes is a line in a diff.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from infrastructure.assembly import Assembly, Resource

# Where resources keep the policies of their own.
_OWN_POLICIES = {
    "AWS::ApiGateway::RestApi": "Policy",
    "AWS::EC2::VPCEndpoint": "PolicyDocument",
    "AWS::Kinesis::ResourcePolicy": "ResourcePolicy",
    "AWS::KMS::Key": "KeyPolicy",
    "AWS::S3::BucketPolicy": "PolicyDocument",
    "AWS::SNS::TopicPolicy": "PolicyDocument",
    "AWS::SQS::QueuePolicy": "PolicyDocument",
}

Listing = dict[str, list[dict[str, Any]]]


def role_statements(assembly: Assembly) -> Listing:
    """What each role may do, by the role's construct; managed policies by their names."""
    found: Listing = defaultdict(list)
    for role in assembly.resources("AWS::IAM::Role"):
        for managed in role.properties.get("ManagedPolicyArns", []):
            found[role.path].append({"managed": assembly.text(role.part, managed)})
        for inline in role.properties.get("Policies", []):
            found[role.path] += _plain(assembly, role.part, inline["PolicyDocument"])
    for policy in assembly.resources("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"):
        statements = _plain(assembly, policy.part, policy.properties["PolicyDocument"])
        for named in assembly.references(policy.part, policy.properties.get("Roles", [])):
            found[named.resource.path] += statements
    return _sorted(found)


def trust(assembly: Assembly) -> Listing:
    """Who may take each role."""
    return _sorted(
        {
            role.path: _plain(assembly, role.part, role.properties["AssumeRolePolicyDocument"])
            for role in assembly.resources("AWS::IAM::Role")
        }
    )


def resource_statements(assembly: Assembly) -> Listing:
    """Whom resources let in by policies of their own, and who may invoke functions."""
    found: Listing = defaultdict(list)
    for resource in assembly.resources(*_OWN_POLICIES):
        document = resource.properties.get(_OWN_POLICIES[resource.type])
        if document:
            found[resource.path] += _plain(assembly, resource.part, document)
    for permission in assembly.resources("AWS::Lambda::Permission"):
        found[permission.path].append(_permission(assembly, permission))
    return _sorted(found)


def listing(assembly: Assembly) -> dict[str, Listing]:
    """All of it."""
    return {
        "roles": role_statements(assembly),
        "trust": trust(assembly),
        "resources": resource_statements(assembly),
    }


def _plain(assembly: Assembly, part: str, document: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            key.lower(): _value(assembly, part, key, value)
            for key, value in statement.items()
            if key != "Sid"
        }
        for statement in document["Statement"]
    ]


def _value(assembly: Assembly, part: str, key: str, value: Any) -> Any:
    if key in ("Action", "NotAction", "Resource", "NotResource"):
        return sorted(assembly.text(part, one) for one in _listed(value))
    if isinstance(value, Mapping) and key in ("Principal", "Condition"):
        return {
            name: _value(assembly, part, key, inner)
            if isinstance(inner, Mapping) and key == "Condition" and not _is_function(inner)
            else sorted(assembly.text(part, one) for one in _listed(inner))
            for name, inner in sorted(value.items())
        }
    return assembly.text(part, value)


def _permission(assembly: Assembly, permission: Resource) -> dict[str, Any]:
    return {
        key: assembly.text(permission.part, value)
        for key, value in sorted(permission.properties.items())
    }


def _listed(value: Any) -> Iterable[Any]:
    return value if isinstance(value, list) else [value]


def _is_function(value: Mapping[str, Any]) -> bool:
    return len(value) == 1 and next(iter(value)).startswith(("Fn::", "Ref"))


def _sorted(listing: Mapping[str, list[dict[str, Any]]]) -> Listing:
    return {path: sorted(statements, key=str) for path, statements in sorted(listing.items())}


def wide_actions(listing: Listing) -> Iterator[tuple[str, str]]:
    """Each role and action that is a whole service, or everything."""
    for path, statements in listing.items():
        for statement in statements:
            for action in statement.get("action", []):
                if action == "*" or action.endswith(":*"):
                    yield path, action


def wide_resources(listing: Listing) -> Iterator[tuple[str, str]]:
    """Each role and action that is allowed on every resource there is."""
    for path, statements in listing.items():
        for statement in statements:
            if "*" in statement.get("resource", []) and statement["effect"] == "Allow":
                yield from ((path, action) for action in statement["action"])
