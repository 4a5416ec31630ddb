"""What the functions have in common: runtime, place in the VPC, log, key; and what is theirs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infrastructure.functions import policies
from infrastructure.functions.package import function_asset
from infrastructure.log_groups import log_group
from infrastructure.network.vpc import PRIVATE_SUBNETS
from infrastructure.settings import Stage

RUNTIME = lambda_.Runtime.PYTHON_3_13
ARCHITECTURES = {"arm64": lambda_.Architecture.ARM_64, "x86_64": lambda_.Architecture.X86_64}


class Generates(Protocol):
    """The SageMaker endpoint, whoever made it.

    Attributes:
        name: of the endpoint.
        arn: of the endpoint.
        component: name of the inference component to call; empty: none.
    """

    name: str
    arn: str
    component: str


class Fleet(Protocol):
    """The fleet beside it.

    Attributes:
        url: of its balancer.
    """

    url: str


class SignsIn(Protocol):
    """Who issues the users' tokens.

    Attributes:
        issuer: as in their `iss`.
        client_id: whom they are for.
        pool: None where the function has to check them itself.
    """

    issuer: str
    client_id: str
    pool: Any


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a function runs, in which security group, and what encrypts what it leaves."""

    stage: Stage
    vpc: ec2.IVpc
    group: ec2.ISecurityGroup
    key: kms.IKey


@dataclass(frozen=True, kw_only=True)
class Spec:
    """One function.

    Attributes:
        about: its description.
        handler: what Lambda calls.
        memory_mb: memory, and with it CPU.
        timeout_s: an invocation's longest time.
        environment: variables.
        statements: what it may do beyond logging and being in the VPC.
        key_services: which services may use the key for it.
        reserved: invocations at a time at most, and kept free for it; 0: whatever is left.
        snap_start: versions start from a snapshot.
    """

    about: str
    handler: str
    memory_mb: int
    timeout_s: int
    environment: Mapping[str, str]
    statements: Sequence[iam.PolicyStatement]
    key_services: Sequence[str]
    reserved: int = 0
    snap_start: bool = False


def make_function(scope: Construct, place: Place, spec: Spec) -> lambda_.Function:
    """The function with its role and its log group."""
    stage = place.stage
    group = log_group(scope, "Log", stage=stage, key=place.key)
    role = policies.function_role(scope, "Role", stage=stage, log_group=group, about=spec.about)
    for statement in spec.statements:
        role.add_to_policy(statement)
    role.add_to_policy(policies.key_for(stage, place.key, spec.key_services))
    role.add_to_policy(policies.environment_key(stage, place.key))
    return lambda_.Function(
        scope,
        "Function",
        description=spec.about,
        runtime=RUNTIME,
        architecture=ARCHITECTURES[stage.function.architecture],
        code=function_asset(scope, stage),
        handler=spec.handler,
        memory_size=spec.memory_mb,
        timeout=cdk.Duration.seconds(spec.timeout_s),
        environment=dict(spec.environment),
        environment_encryption=place.key,
        role=role,
        log_group=group,
        tracing=lambda_.Tracing.ACTIVE if stage.function.tracing else lambda_.Tracing.DISABLED,
        vpc=place.vpc,
        vpc_subnets=PRIVATE_SUBNETS,
        security_groups=[place.group],
        reserved_concurrent_executions=spec.reserved or None,
        snap_start=lambda_.SnapStartConf.ON_PUBLISHED_VERSIONS if spec.snap_start else None,
    )
