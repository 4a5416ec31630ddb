"""The network and the edge of a made-up stage, synthesised offline, once a process and variant."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_

from infrastructure import settings
from infrastructure.edge.api import ChatApi
from infrastructure.edge.balancer import Balancer
from infrastructure.edge.certificates import BalancerCertificate, ViewerCertificate
from infrastructure.edge.distribution import Distribution
from infrastructure.edge.firewall import Firewall
from infrastructure.edge.logs import AccessLogs
from infrastructure.edge.page import Page
from infrastructure.edge.sign_in import SignInPool
from infrastructure.edge.vpc_origin import VpcOrigin
from infrastructure.network.endpoints import Endpoints
from infrastructure.network.security import SecurityGroups
from infrastructure.network.vpc import Network, zone_context

ACCOUNT = "111122223333"
REGION = "eu-west-1"
DOMAIN = "chat.example.com"

Resource = dict[str, Any]


def edge_stage(variant: str = "plain") -> settings.Stage:
    """A stage by the name of what is unusual about it."""
    plain = settings.Stage(
        name="dev",
        account=ACCOUNT,
        region=REGION,
        removal="destroy",
        edge=settings.Edge(domain=DOMAIN, hosted_zone_id="Z0123456789ABCDEF"),
        sign_in=settings.SignIn(domain_prefix="keepwarm-dev"),
        model=settings.Model(endpoint_name="keepwarm-dev"),
    )
    return replace(plain, **_CHANGES[variant])


_CHANGES: Mapping[str, Mapping[str, Any]] = {
    "plain": {},
    "fleet": {
        "fleet": settings.Fleet(
            enabled=True,
            image_uri=f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/keepwarm@sha256:{'a' * 64}",
            model_uri="s3://models/keepwarm/",
            concurrency=8,
        ),
        "model": settings.Model(
            kind="endpoint",
            image_uri=f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/keepwarm@sha256:{'a' * 64}",
            data_url="s3://models/keepwarm/",
            concurrency=8,
        ),
        "sessions": settings.Sessions(kind="serverless"),
    },
    "own_issuer": {
        "network": settings.Network(nat_gateways=1),
        "sign_in": settings.SignIn(issuer="https://id.example.org/realm", client_id="page"),
    },
    "kept": {
        "removal": "retain",
        "edge": settings.Edge(
            domain=DOMAIN,
            certificate_arn=f"arn:aws:acm:us-east-1:{ACCOUNT}:certificate/viewer",
            balancer_certificate_arn=f"arn:aws:acm:{REGION}:{ACCOUNT}:certificate/balancer",
            allowed_countries=("AT", "DE"),
            read_seconds=90,
        ),
        "sign_in": settings.SignIn(domain_prefix="keepwarm-dev", mfa="required"),
    },
}


@dataclass(frozen=True)
class Template:
    """A synthesised template.

    Attributes:
        resources: by their logical ids.
        exports: what other templates import, by the names they import it by.
    """

    resources: Mapping[str, Resource]
    exports: Mapping[str, Any]

    def of_type(self, kind: str) -> list[Resource]:
        """The properties of all resources of a type."""
        return [one.get("Properties", {}) for _, one in self.named(kind)]

    def only(self, kind: str) -> Resource:
        """The properties of the one resource of a type."""
        (found,) = self.of_type(kind)
        return found

    def named(self, kind: str) -> Iterator[tuple[str, Resource]]:
        """Logical ids and whole resources of a type."""
        for name, resource in self.resources.items():
            if resource["Type"] == kind:
                yield name, resource


@dataclass(frozen=True)
class EdgeTemplates:
    """The templates of a stage's network and edge."""

    network: Template
    chat: Template
    edge: Template
    firewall: Template


@cache
def edge_templates(variant: str = "plain") -> EdgeTemplates:
    """The boxes as a stage wires them, with a function of one line in the place of ours."""
    stage = edge_stage(variant)
    # What CloudFormation would refuse in a property is an error here; logs need no access list.
    strict = {
        "@aws-cdk/core:validateAgainstDefaultRules": True,
        "@aws-cdk/aws-s3:serverAccessLogsUseBucketPolicy": True,
    }
    with tempfile.TemporaryDirectory() as folder:
        app = cdk.App(
            context={**zone_context(stage), **strict}, outdir=folder, analytics_reporting=False
        )
        _wire(app, stage)
        app.synth()
        documents = {
            name: json.loads((Path(folder) / f"{name}.template.json").read_text())
            for name in _PARTS
        }
    return templates_of(documents)


def templates_of(documents: Mapping[str, Any]) -> EdgeTemplates:
    """The parts that a request passes, of a stage's templates by their parts."""
    return EdgeTemplates(**{name: _template(documents[name]) for name in _PARTS})


_PARTS = ("network", "chat", "edge", "firewall")


def _template(document: Mapping[str, Any]) -> Template:
    outputs = document.get("Outputs", {}).values()
    exports = {one["Export"]["Name"]: one["Value"] for one in outputs if "Export" in one}
    return Template(document["Resources"], exports)


def _wire(app: cdk.App, stage: settings.Stage) -> None:
    here = cdk.Environment(account=stage.account, region=stage.region)
    there = cdk.Environment(account=stage.account, region="us-east-1")
    before = cdk.Stack(app, "firewall", env=there, cross_region_references=True)
    inside = cdk.Stack(app, "network", env=here)
    chat = cdk.Stack(app, "chat", env=here)
    edge = cdk.Stack(app, "edge", env=here, cross_region_references=True)
    firewall = Firewall(before, "Firewall", stage=stage)
    viewer = ViewerCertificate(before, "Certificate", stage=stage)
    vpc = Network(inside, "Network", stage=stage).vpc
    security = SecurityGroups(inside, "Security", stage=stage, vpc=vpc)
    endpoints = Endpoints(inside, "Endpoints", stage=stage, vpc=vpc, security=security)
    sign_in = SignInPool(chat, "SignIn", stage=stage)
    api = ChatApi(
        chat,
        "Api",
        stage=stage,
        endpoint=endpoints.execute_api,
        function=_function(chat),
        sign_in=sign_in,
    )
    logs = AccessLogs(edge, "Logs", stage=stage)
    balancer = Balancer(
        edge,
        "Balancer",
        stage=stage,
        vpc=vpc,
        security=security,
        endpoint=endpoints.execute_api,
        api=api,
        certificate=BalancerCertificate(edge, "Certificate", stage=stage).certificate,
        logs=logs,
    )
    Distribution(
        edge,
        "Distribution",
        stage=stage,
        page=Page(edge, "Page", stage=stage, sign_in=sign_in, logs=logs),
        balancer=balancer,
        vpc_origin=VpcOrigin(
            edge, "VpcOrigin", stage=stage, vpc=vpc, security=security, balancer=balancer
        ),
        api=api,
        firewall_arn=firewall.arn,
        certificate=viewer.certificate,
        sign_in=sign_in,
        logs=logs,
    )


def _function(stack: cdk.Stack) -> lambda_.IFunction:
    function = lambda_.Function(
        stack,
        "Function",
        code=lambda_.Code.from_inline("pass"),
        handler="index.handler",
        runtime=lambda_.Runtime.PYTHON_3_13,
    )
    return lambda_.Alias(stack, "Live", alias_name="live", version=function.current_version)
