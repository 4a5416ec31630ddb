"""What there is to watch, by the names that CloudWatch's dimensions have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from infrastructure import contract
from infrastructure.settings import Stage


@dataclass(frozen=True, kw_only=True)
class Watched:
    """Names of a stage's parts; a text may be a token that CloudFormation fills in.

    Attributes:
        api, api_stage: the REST API.
        function, sweeper, consumer: Lambda functions.
        dead_letters: SQS queues by what they hold.
        endpoint, variant: of SageMaker.
        component: inference component; empty: there is none.
        fleet_group, fleet_balancer: of the fleet; empty: there is none.
    """

    api: str
    api_stage: str
    function: str
    sweeper: str
    consumer: str
    dead_letters: Mapping[str, str] = field(default_factory=dict)
    endpoint: str
    variant: str
    component: str = ""
    fleet_group: str = ""
    fleet_balancer: str = ""


def tables(stage: Stage) -> tuple[str, ...]:
    """The DynamoDB tables."""
    names = contract.resource_names(stage)
    return (names.table, names.marks)


def stream(stage: Stage) -> str:
    """The Kinesis stream."""
    return contract.resource_names(stage).stream


def caches(stage: Stage) -> tuple[dict[str, str], ...]:
    """Dimensions of the session store: of each node, or of the serverless cache."""
    name = contract.resource_names(stage).cache
    if stage.sessions.kind == "serverless":
        return ({"clusterId": name},)
    # ElastiCache numbers the nodes of a replication group itself.
    return tuple(
        {"CacheClusterId": f"{name}-{node:03d}"} for node in range(1, stage.sessions.replicas + 2)
    )
