"""Endpoint, fleet and watch of a stage, synthesised alone and offline, once a process and stage."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from constructs import Construct

from infrastructure.data.keys import Keys
from infrastructure.fleet.group import FleetService
from infrastructure.models.endpoint import ModelEndpoint
from infrastructure.network.security import SecurityGroups
from infrastructure.network.vpc import Network, zone_context
from infrastructure.settings import Stage
from infrastructure.watch.alarms import Alarms
from infrastructure.watch.dashboard import Dashboard
from infrastructure.watch.topic import AlarmTopic
from infrastructure.watch.watched import Watched
from tests.support.infrastructure import a_stage

STRICT = {
    "@aws-cdk/core:validateAgainstDefaultRules": True,
    "@aws-cdk/aws-s3:serverAccessLogsUseBucketPolicy": True,
    "@aws-cdk/aws-iam:minimizePolicies": True,
}
OWN_IMAGE = {
    "package_arn": "",
    "image_uri": "111122223333.dkr.ecr.us-east-1.amazonaws.com/keepwarm@sha256:" + "0" * 64,
    "data_url": "s3://weights/models/1",
}
ALWAYS_THERE: dict[str, Any] = {
    "model": {"startup_seconds": 2400},
    "fleet": {"min_instances": 1, "max_instances": 7},
}
OTHERWISE: dict[str, Any] = {
    "watch": {
        "email": "",
        "ttft_p95_ms": 900,
        "truncated_per_hour": 2,
        "iterator_age_ms": 60_000,
    },
    "function": {"sweep_minutes": 10},
}
WATCHED = Watched(
    api="keepwarm-api",
    api_stage="live",
    function="keepwarm-chat",
    sweeper="keepwarm-sweeper",
    consumer="keepwarm-consumer",
    dead_letters={"calls": "dead-calls", "events": "dead-events", "sweeps": "dead-sweeps"},
    endpoint="keepwarm-prod",
    variant="main",
    fleet_group="keepwarm-prod-fleet",
    fleet_balancer="app/fleet/1234",
)

Resource = dict[str, Any]


@dataclass(frozen=True)
class Template:
    """A synthesised template.

    Attributes:
        resources: by their logical ids.
    """

    resources: Mapping[str, Resource]

    def of_type(self, kind: str) -> list[Resource]:
        """The properties of all resources of a type."""
        return [dict(one["Properties"]) for _, one in self.named(kind)]

    def only(self, kind: str) -> Resource:
        """The properties of the one resource of a type."""
        (found,) = self.of_type(kind)
        return found

    def named(self, kind: str) -> list[tuple[str, Resource]]:
        """Logical ids and whole resources of a type."""
        return [(name, one) for name, one in self.resources.items() if one["Type"] == kind]


_made: dict[tuple[str, str], Template] = {}


def endpoint_template(name: str = "prod", /, **changes: Any) -> Template:
    """The endpoint of a shipped stage with changes."""
    return _template("endpoint", _endpoint, a_stage(name, **changes))


def fleet_template(name: str = "prod", /, **changes: Any) -> Template:
    """The fleet of a shipped stage with changes."""
    return _template("fleet", _fleet, a_stage(name, **changes))


def watch_template(watched: Watched = WATCHED, name: str = "prod", /, **changes: Any) -> Template:
    """Topic, alarms and dashboard of a shipped stage with changes."""

    def add(scope: Construct, stage: Stage, surroundings: _Surroundings) -> None:
        topic = AlarmTopic(scope, "Topic", stage=stage, key=surroundings.key).topic
        alarms = Alarms(scope, "Alarms", stage=stage, topic=topic, watched=watched)
        Dashboard(scope, "Dashboard", stage=stage, watched=watched, alarms=alarms)

    return _template(repr(watched), add, a_stage(name, **changes))


def existing_endpoint(stage: Stage) -> ModelEndpoint:
    """The box of an endpoint that exists, not synthesised: CloudFormation takes no empty stack."""
    app = cdk.App(context=zone_context(stage), analytics_reporting=False)
    around = _Surroundings(cdk.Stack(app, "around"), stage)
    return ModelEndpoint(
        cdk.Stack(app, "boxes"),
        "Endpoint",
        stage=stage,
        key=around.key,
        vpc=around.vpc,
        security=around.security,
    )


class _Surroundings:
    def __init__(self, scope: Construct, stage: Stage) -> None:
        self.key: kms.IKey = Keys(scope, "Keys", stage=stage).data
        self.vpc = Network(scope, "Network", stage=stage).vpc
        self.security = SecurityGroups(scope, "Security", stage=stage, vpc=self.vpc)


Add = Callable[[Construct, Stage, _Surroundings], None]


def _endpoint(scope: Construct, stage: Stage, around: _Surroundings) -> None:
    ModelEndpoint(
        scope, "Endpoint", stage=stage, key=around.key, vpc=around.vpc, security=around.security
    )


def _fleet(scope: Construct, stage: Stage, around: _Surroundings) -> None:
    FleetService(
        scope, "Fleet", stage=stage, key=around.key, vpc=around.vpc, security=around.security
    )


def _template(what: str, add: Add, stage: Stage) -> Template:
    known = (what, repr(stage))
    if known not in _made:
        _made[known] = _synthesised(add, stage)
    return _made[known]


def _synthesised(add: Add, stage: Stage) -> Template:
    app = cdk.App(context={**zone_context(stage), **STRICT}, analytics_reporting=False)
    here = cdk.Environment(account=stage.account, region=stage.region)
    around = _Surroundings(cdk.Stack(app, "around", env=here), stage)
    add(cdk.Stack(app, "boxes", env=here), stage, around)
    text = (Path(app.synth().directory) / "boxes.template.json").read_text()
    return Template(json.loads(text).get("Resources", {}))


def joined(value: Any) -> str:
    """A value of a template as one text: what CloudFormation fills in stands as its name."""
    if isinstance(value, str):
        return value
    ((function, argument),) = value.items()
    if function == "Fn::Join":
        return str(argument[0]).join(joined(one) for one in argument[1])
    if argument == "AWS::Partition":
        return "aws"
    return f"<{argument if isinstance(argument, str) else argument[0]}>"
