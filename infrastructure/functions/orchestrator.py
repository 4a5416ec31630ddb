"""The orchestrator: what the API calls, by its alias `live`, and what streams the answers."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from infrastructure import contract
from infrastructure.data.events import Events
from infrastructure.data.history import HistoryTables
from infrastructure.data.sessions import SessionStore
from infrastructure.data.texts import Texts
from infrastructure.environment import Surroundings, orchestrator_environment
from infrastructure.functions import policies
from infrastructure.functions.shared import (
    Fleet,
    Generates,
    Place,
    SignsIn,
    Spec,
    make_function,
)
from infrastructure.network.security import SecurityGroups
from infrastructure.settings import Stage
from orchestrator_lambda.history import schema

ALIAS = "live"
SALT_CHARACTERS = 48
_UNPUBLISHED = "@aws-cdk/aws-lambda:snapStartRequirePublish"
KEY_SERVICES = ("dynamodb", "kinesis", "s3")


class Orchestrator(Construct):
    """The function under our own runtime, its versions, and the alias that moves over them.

    Nothing calls it asynchronously, and nothing may: such an event would be kept by Lambda, and
    by a queue of dead letters, with the user's words in it. So it is never tried again.

    Attributes:
        function: the newest code.
        alias: what the API calls.
        role: what it may do.
        environment: its variables; the sweeper, which is the same code, has them, too.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        stage: Stage,
        vpc: ec2.IVpc,
        security: SecurityGroups,
        key: kms.IKey,
        tables: HistoryTables,
        texts: Texts,
        events: Events,
        sessions: SessionStore,
        endpoint: Generates,
        fleet: Fleet | None = None,
        sign_in: SignsIn | None = None,
    ) -> None:
        super().__init__(scope, id)
        around = Surroundings(
            redis_url=sessions.url,
            redis=sessions.environment,
            endpoint=endpoint.name,
            component=endpoint.component,
            fleet_url=fleet.url if fleet else "",
            salt=_salt(self, stage, key),
            **_issuer(sign_in),
        )
        self.environment = orchestrator_environment(stage, around)
        statements = [
            policies.history(tables.table, schema.LIST_INDEX),
            *policies.texts(texts.bucket),
            policies.send_events(events.stream.stream_arn),
            policies.generate(_generating(stage, endpoint)),
            policies.sign_in(sessions.arns),
        ]
        place = Place(stage=stage, vpc=vpc, group=security.function, key=key)
        self.function = make_function(self, place, _spec(stage, self.environment, statements))
        self.role = self.function.role
        self.alias = _live(self.function, stage)
        self.alias.configure_async_invoke(retry_attempts=0, max_event_age=cdk.Duration.minutes(1))


def _spec(stage: Stage, environment: dict[str, str], statements: list[iam.PolicyStatement]) -> Spec:
    return Spec(
        about="Keepwarm: orchestrates turns and streams answers",
        handler=contract.ORCHESTRATOR_HANDLER,
        memory_mb=stage.function.memory_mb,
        timeout_s=stage.function.timeout_s,
        environment={**environment, "AWS_LAMBDA_EXEC_WRAPPER": contract.BOOTSTRAP},
        statements=statements,
        key_services=KEY_SERVICES,
        reserved=stage.function.reserved_concurrency,
        snap_start=stage.function.snap_start,
    )


def _live(function: lambda_.Function, stage: Stage) -> lambda_.Alias:
    """Snapshots and provisioned instances are of versions; old ones are there to go back to."""
    version = function.current_version
    cdk.Annotations.of(function).acknowledge_warning(_UNPUBLISHED, "the alias is of a version")
    if stage.retains:
        version.apply_removal_policy(cdk.RemovalPolicy.RETAIN)
    return lambda_.Alias(
        function,
        "Live",
        alias_name=ALIAS,
        version=version,
        provisioned_concurrent_executions=stage.function.provisioned_concurrency or None,
    )


def _salt(scope: Construct, stage: Stage, key: kms.IKey) -> str:
    """A reference to a secret that nobody has seen; CloudFormation fills it in."""
    secret = secretsmanager.CfnSecret(
        scope,
        "Salt",
        description="Keepwarm: hashes users in telemetry; another one makes them other users",
        kms_key_id=key.key_arn,
        generate_secret_string=secretsmanager.CfnSecret.GenerateSecretStringProperty(
            password_length=SALT_CHARACTERS, exclude_punctuation=True
        ),
    )
    secret.apply_removal_policy(
        cdk.RemovalPolicy.RETAIN if stage.retains else cdk.RemovalPolicy.DESTROY
    )
    return f"{{{{resolve:secretsmanager:{secret.ref}:SecretString}}}}"


def _generating(stage: Stage, endpoint: Generates) -> list[str]:
    arns = [endpoint.arn]
    if endpoint.component:
        place = f"arn:{cdk.Aws.PARTITION}:sagemaker:{stage.region}:{stage.account}"
        arns.append(f"{place}:inference-component/{endpoint.component}")
    return arns


def _issuer(sign_in: SignsIn | None) -> dict[str, str]:
    """Only an issuer of one's own is the function's to check: API Gateway knows Cognito's."""
    if sign_in is None or sign_in.pool is not None:
        return {}
    return {"issuer": sign_in.issuer, "client_id": sign_in.client_id}
