"""Who may talk to whom inside the VPC: one table, and the security groups made from it.

    CloudFront -> balancer -> api_endpoint ... REST API ... function -> sessions (Redis)
                                                               |-> endpoints (Kinesis, SageMaker)
                                                               |-> S3, DynamoDB (prefix lists)
                                                               `-> fleet_balancer -> fleet
    sweeper -> sessions, endpoints, S3, DynamoDB
    consumer -> DynamoDB                  model -> S3                  fleet -> endpoints, S3

A rule that is not in the table is in no group: no group takes anything from an address, and none
may send to any address, but for the one arrow that a sign-in issuer of one's own needs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from infrastructure.network.lookups import Ec2Lookup
from infrastructure.settings import Stage

HTTPS = 443
REDIS = 6379
REDIS_READERS = 6380
CONTAINER = 8080

# Ends of arrows that are no groups of ours.
ORIGIN = "origin"
S3 = "s3"
DYNAMODB = "dynamodb"
INTERNET = "internet"

_PREFIX_LIST = "PrefixLists.0.PrefixListId"

# To nobody, by a protocol that is none: the library's own words for no rule at all.
_NO_TRAFFIC = {
    "CidrIp": "255.255.255.255/32",
    "Description": "Disallow all traffic",
    "FromPort": 252,
    "IpProtocol": "icmp",
    "ToPort": 86,
}

_PURPOSES = {
    "balancer": "the internal load balancer that CloudFront reaches",
    "api_endpoint": "the endpoint through which alone the REST API is reached",
    "function": "the orchestrator",
    "sweeper": "the sweeper of outboxes",
    "consumer": "the consumer of events",
    "sessions": "the session store",
    "endpoints": "interface endpoints of AWS services",
}
_MODEL_PURPOSES = {
    "model": "the instances of an endpoint of ours",
}
_FLEET_PURPOSES = {
    "fleet_balancer": "the internal load balancer of the fleet",
    "fleet": "the instances of the fleet",
}


@dataclass(frozen=True)
class Arrow:
    """One permission to open TCP connections.

    Attributes:
        source: a group, or `ORIGIN`.
        target: a group, or `S3`, `DYNAMODB`, `INTERNET`.
        port: of the target.
        why: becomes the rule's description.
    """

    source: str
    target: str
    port: int
    why: str


_ALWAYS = (
    Arrow(ORIGIN, "balancer", HTTPS, "CloudFront hands API requests in"),
    Arrow("balancer", "api_endpoint", HTTPS, "to the private REST API"),
    Arrow("function", "endpoints", HTTPS, "telemetry to Kinesis, generation by SageMaker"),
    Arrow("function", DYNAMODB, HTTPS, "conversations and marks"),
    Arrow("function", S3, HTTPS, "long texts"),
    Arrow("consumer", DYNAMODB, HTTPS, "marks of the events that are counted"),
    Arrow("function", "sessions", REDIS, "locks, stream buffers, stops, rate limits"),
    Arrow("sweeper", "endpoints", HTTPS, "telemetry to Kinesis"),
    Arrow("sweeper", DYNAMODB, HTTPS, "outboxes, dead turns, deletions"),
    Arrow("sweeper", S3, HTTPS, "texts that are to be deleted"),
    Arrow("sweeper", "sessions", REDIS, "locks and buffers of dead turns"),
)
_SERVERLESS = (
    Arrow("function", "sessions", REDIS_READERS, "read endpoint of a serverless store"),
    Arrow("sweeper", "sessions", REDIS_READERS, "read endpoint of a serverless store"),
)
_FLEET = (
    Arrow("function", "fleet_balancer", HTTPS, "generation by the fleet"),
    Arrow("fleet_balancer", "fleet", CONTAINER, "requests and health to the container"),
    Arrow("fleet", "endpoints", HTTPS, "image, logs, metrics, lifecycle"),
    Arrow("fleet", S3, HTTPS, "image layers and model artifacts"),
)
_MODEL = Arrow("model", S3, HTTPS, "weights of the model")
_ISSUER = Arrow("function", INTERNET, HTTPS, "keys of the sign-in issuer")


def arrows(stage: Stage) -> tuple[Arrow, ...]:
    """The whole table for a stage."""
    return tuple(_arrows(stage))


def _arrows(stage: Stage) -> Iterator[Arrow]:
    yield from _ALWAYS
    if stage.sessions.kind == "serverless":
        yield from _SERVERLESS
    if stage.model.kind != "existing":
        yield _MODEL
    if stage.fleet.enabled:
        yield from _FLEET
    if stage.sign_in.issuer:
        yield _ISSUER


class SecurityGroups(Construct):
    """The groups, and every rule of the table but the one from CloudFront.

    CloudFront makes its own group together with the VPC origin; `edge.vpc_origin` finds it and
    adds that rule.

    Attributes:
        balancer: the internal load balancer.
        api_endpoint: the endpoint of execute-api.
        function: the orchestrator.
        sweeper: its sweeper.
        consumer: the consumer of events.
        sessions: the session store.
        endpoints: all other interface endpoints.
        model: None for an endpoint that exists already.
        fleet_balancer: None without a fleet.
        fleet: None without a fleet.
    """

    def __init__(self, scope: Construct, id: str, *, stage: Stage, vpc: ec2.IVpc) -> None:
        super().__init__(scope, id)
        self._vpc = vpc
        purposes = {
            **_PURPOSES,
            **(_MODEL_PURPOSES if stage.model.kind != "existing" else {}),
            **(_FLEET_PURPOSES if stage.fleet.enabled else {}),
        }
        self._groups = {name: self._group(name, why) for name, why in purposes.items()}
        self.balancer = self._groups["balancer"]
        self.api_endpoint = self._groups["api_endpoint"]
        self.function = self._groups["function"]
        self.sweeper = self._groups["sweeper"]
        self.consumer = self._groups["consumer"]
        self.sessions = self._groups["sessions"]
        self.endpoints = self._groups["endpoints"]
        self.model = self._groups.get("model")
        self.fleet_balancer = self._groups.get("fleet_balancer")
        self.fleet = self._groups.get("fleet")
        self._outside = self._peers_outside(stage)
        for arrow in arrows(stage):
            self._allow(arrow)
        for name, group in self._groups.items():
            if not any(one.source == name and one.target == INTERNET for one in arrows(stage)):
                _close(group)

    def _group(self, name: str, why: str) -> ec2.SecurityGroup:
        words = "".join(word.capitalize() for word in name.split("_"))
        return ec2.SecurityGroup(
            self, words, vpc=self._vpc, description=f"Keepwarm: {why}", allow_all_outbound=False
        )

    def _peers_outside(self, stage: Stage) -> dict[str, ec2.IPeer]:
        peers: dict[str, ec2.IPeer] = {INTERNET: ec2.Peer.any_ipv4()}
        for service in (S3, DYNAMODB):
            name = f"com.amazonaws.{stage.region}.{service}"
            found = Ec2Lookup(
                self,
                f"PrefixList-{service}",
                action="describeManagedPrefixLists",
                parameters={"Filters": [{"Name": "prefix-list-name", "Values": [name]}]},
                paths=[_PREFIX_LIST],
            )
            peers[service] = ec2.Peer.prefix_list(found.value(_PREFIX_LIST))
        return peers

    def _allow(self, arrow: Arrow) -> None:
        if arrow.source == ORIGIN:
            return
        port = ec2.Port.tcp(arrow.port)
        source, target = self._groups[arrow.source], self._groups.get(arrow.target)
        if target is None:
            source.add_egress_rule(self._outside[arrow.target], port, arrow.why)
            return
        source.add_egress_rule(target, port, arrow.why)
        target.add_ingress_rule(source, port, arrow.why)


def _close(group: ec2.SecurityGroup) -> None:
    """Keep EC2's own rule to everywhere away.

    A group that is made without an egress rule in itself gets that one, whatever rules are added
    beside it later; and all of ours are added beside it, as groups name each other.
    """
    resource = group.node.default_child
    if isinstance(resource, ec2.CfnSecurityGroup):
        resource.add_property_override("SecurityGroupEgress", [_NO_TRAFFIC])
