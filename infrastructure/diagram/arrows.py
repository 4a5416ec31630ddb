"""Who reaches whom, read from the templates: rules of security groups, integrations, grants.

Each function yields arrows of one sort; an arrow stands for something that AWS would enforce.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from infrastructure.assembly import Assembly, Resource
from infrastructure.diagram.boxes import box_of, is_helper

INTERNET = "outside/Browser"
PEOPLE = "outside/Operators"

_GROUP_RESOURCES = (
    "AWS::EC2::SecurityGroup",
    "AWS::EC2::SecurityGroupEgress",
    "AWS::EC2::SecurityGroupIngress",
)
# Every box may use its key, write its log and its trace: true, and no news in a picture.
_QUIET_SERVICES = ("ec2", "kms", "logs", "xray")


@dataclass(frozen=True, order=True)
class Arrow:
    """From one box to another.

    Attributes:
        source: who begins.
        target: whom it reaches.
        label: how.
    """

    source: str
    target: str
    label: str


def arrows(assembly: Assembly) -> tuple[Arrow, ...]:
    """All of them, between different boxes."""
    found = {
        arrow
        for sort in (
            _viewers,
            _origins,
            _firewall,
            _group_rules,
            _prefix_lists,
            _private_api,
            _integrations,
            _sign_in,
            _event_sources,
            _schedules,
            _grants,
            _alarms,
        )
        for arrow in sort(assembly)
        if arrow.source != arrow.target
        and not is_helper(arrow.source)
        and not is_helper(arrow.target)
    }
    return tuple(sorted(found))


def _targets(assembly: Assembly, part: str, value: Any) -> Iterator[str]:
    for reference in assembly.references(part, value):
        yield box_of(reference.resource)


def _viewers(assembly: Assembly) -> Iterator[Arrow]:
    for distribution in assembly.resources("AWS::CloudFront::Distribution"):
        yield Arrow(INTERNET, box_of(distribution), "HTTPS")


def _origins(assembly: Assembly) -> Iterator[Arrow]:
    for one in assembly.resources("AWS::CloudFront::Distribution"):
        for origin in one.properties["DistributionConfig"]["Origins"]:
            private = origin.get("VpcOriginConfig")
            named = private["VpcOriginId"] if private else origin["DomainName"]
            for target in _targets(assembly, one.part, named):
                yield Arrow(box_of(one), target, "/v1/*" if private else "page, signed")


def _firewall(assembly: Assembly) -> Iterator[Arrow]:
    for one in assembly.resources("AWS::CloudFront::Distribution"):
        acl = one.properties["DistributionConfig"].get("WebACLId")
        for firewall in _targets(assembly, one.part, acl):
            yield Arrow(firewall, box_of(one), "lets in")


def _holders(assembly: Assembly) -> dict[str, set[str]]:
    """The boxes that wear each security group."""
    found: dict[str, set[str]] = defaultdict(set)
    for resource in assembly.resources():
        if resource.type in _GROUP_RESOURCES:
            continue
        for reference in assembly.references(resource.part, resource.properties):
            if reference.resource.type == "AWS::EC2::SecurityGroup":
                found[reference.resource.path].add(box_of(resource))
    return found


def _group_rules(assembly: Assembly) -> Iterator[Arrow]:
    holders = _holders(assembly)

    def wearing(rule: Resource, key: str) -> set[str]:
        boxes: set[str] = set()
        for reference in assembly.references(rule.part, rule.properties.get(key)):
            # A group that is looked up is CloudFront's own, of the box that looks it up.
            boxes |= holders.get(reference.resource.path, {box_of(reference.resource)})
        return boxes

    for rule in assembly.resources("AWS::EC2::SecurityGroupIngress"):
        for source in wearing(rule, "SourceSecurityGroupId"):
            for target in wearing(rule, "GroupId"):
                yield Arrow(source, target, f"TCP {rule.properties['FromPort']}")


def _prefix_lists(assembly: Assembly) -> Iterator[Arrow]:
    """What goes to S3 and DynamoDB goes through their gateways."""
    holders = _holders(assembly)
    gateways = {
        box.rpartition("/")[2]: box
        for box in map(box_of, assembly.resources("AWS::EC2::VPCEndpoint"))
    }
    for group, rule in _egress(assembly):
        for looked_up in assembly.references(group.part, rule.get("DestinationPrefixListId")):
            service = looked_up.resource.path.partition("PrefixList-")[2].partition("/")[0]
            for source in holders.get(group.path, ()):
                yield Arrow(source, gateways[service], f"TCP {rule['FromPort']}")


def _egress(assembly: Assembly) -> Iterator[tuple[Resource, dict[str, Any]]]:
    for group in assembly.resources("AWS::EC2::SecurityGroup"):
        for rule in group.properties.get("SecurityGroupEgress", []):
            yield group, rule
    for rule in assembly.resources("AWS::EC2::SecurityGroupEgress"):
        for reference in assembly.references(rule.part, rule.properties["GroupId"]):
            yield reference.resource, rule.properties


def _private_api(assembly: Assembly) -> Iterator[Arrow]:
    for api in assembly.resources("AWS::ApiGateway::RestApi"):
        for endpoint in _targets(
            assembly, api.part, api.properties["EndpointConfiguration"].get("VpcEndpointIds")
        ):
            yield Arrow(endpoint, box_of(api), "HTTPS, by this endpoint alone")


def _integrations(assembly: Assembly) -> Iterator[Arrow]:
    for method in assembly.resources("AWS::ApiGateway::Method"):
        integration = method.properties.get("Integration", {})
        streams = integration.get("ResponseTransferMode") == "STREAM"
        for target in _targets(assembly, method.part, integration.get("Uri")):
            yield Arrow(box_of(method), target, "invokes, streamed" if streams else "invokes")


def _sign_in(assembly: Assembly) -> Iterator[Arrow]:
    for authorizer in assembly.resources("AWS::ApiGateway::Authorizer"):
        for pool in _targets(assembly, authorizer.part, authorizer.properties.get("ProviderARNs")):
            yield Arrow(box_of(authorizer), pool, "checks tokens")


def _event_sources(assembly: Assembly) -> Iterator[Arrow]:
    for mapping in assembly.resources("AWS::Lambda::EventSourceMapping"):
        properties = mapping.properties
        for source in _targets(assembly, mapping.part, properties["EventSourceArn"]):
            for target in _targets(assembly, mapping.part, properties["FunctionName"]):
                yield Arrow(source, target, "records")


def _schedules(assembly: Assembly) -> Iterator[Arrow]:
    for rule in assembly.resources("AWS::Events::Rule"):
        for target in rule.properties.get("Targets", []):
            for box in _targets(assembly, rule.part, target["Arn"]):
                yield Arrow(box_of(rule), box, "event")


def _grants(assembly: Assembly) -> Iterator[Arrow]:
    """Whoever wears a role may do what the role's policies say."""
    wearers = _wearers(assembly)
    for policy in assembly.resources("AWS::IAM::Policy"):
        for role in assembly.references(policy.part, policy.properties.get("Roles", [])):
            for statement in policy.properties["PolicyDocument"]["Statement"]:
                label = _services(statement["Action"])
                for target in _granted(assembly, policy.part, statement["Resource"]):
                    for source in wearers[role.resource.path]:
                        if label:
                            yield Arrow(source, target, label)


def _granted(assembly: Assembly, part: str, value: Any) -> Iterator[str]:
    yield from _targets(assembly, part, value)
    yield from map(box_of, assembly.named(part, value))


def _wearers(assembly: Assembly) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for resource in assembly.resources():
        if resource.type.startswith("AWS::IAM::"):
            continue
        for reference in assembly.references(resource.part, resource.properties):
            if reference.resource.type == "AWS::IAM::Role":
                found[reference.resource.path].add(box_of(resource))
    return found


def _services(actions: str | list[str]) -> str:
    names = {one.partition(":")[0] for one in ([actions] if isinstance(actions, str) else actions)}
    return ", ".join(sorted(names - set(_QUIET_SERVICES)))


def _alarms(assembly: Assembly) -> Iterator[Arrow]:
    for alarm in assembly.resources("AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm"):
        for topic in _targets(assembly, alarm.part, alarm.properties.get("AlarmActions")):
            yield Arrow(box_of(alarm), topic, "rings")
    for subscription in assembly.resources("AWS::SNS::Subscription"):
        for topic in _targets(assembly, subscription.part, subscription.properties["TopicArn"]):
            yield Arrow(topic, PEOPLE, subscription.properties["Protocol"])
