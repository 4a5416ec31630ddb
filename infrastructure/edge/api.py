"""The private REST API: the one door to the orchestrator, reached through one VPC endpoint alone.

    GET /v1/health, GET /v1/openapi.json    open
    ANY /v1/{proxy+}                        with an access token of the stage's user pool

Answers stream: the integration hands the function's bytes on as they come, for 15 minutes at most.
"""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infrastructure.edge.gateway_responses import add_gateway_responses
from infrastructure.edge.sign_in import SignInPool
from infrastructure.log_groups import log_group
from infrastructure.settings import Stage

OPEN_PATHS = ("health", "openapi.json")
STREAM_SECONDS = 900

_LOGGED = {
    "request_id": "requestId",
    "time": "requestTime",
    "method": "httpMethod",
    "path": "path",  # without the query, and never a body
    "status": "status",
    "bytes": "responseLength",
    "milliseconds": "responseLatency",
    "integration_milliseconds": "integrationLatency",
    "integration_error": "integration.error",
    "authorizer_error": "authorizer.error",
    "trace": "xrayTraceId",
}


class ChatApi(Construct):
    """The REST API with its stage.

    Attributes:
        api: the REST API.
        host: the name by which the endpoint knows it.
        stage_name: first part of every path behind that name.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        stage: Stage,
        endpoint: ec2.IInterfaceVpcEndpoint,
        function: lambda_.IFunction,
        sign_in: SignInPool,
        key: kms.IKey | None = None,
    ) -> None:
        super().__init__(scope, id)
        self.stage_name = stage.api.stage_name
        self.api = apigateway.RestApi(
            self,
            "Api",
            rest_api_name=f"{stage.prefix}-{stage.name}",
            endpoint_configuration=apigateway.EndpointConfiguration(
                types=[apigateway.EndpointType.PRIVATE], vpc_endpoints=[endpoint]
            ),
            policy=only_through(endpoint),
            cloud_watch_role=True,
            cloud_watch_role_removal_policy=cdk.RemovalPolicy.RETAIN,  # it is the whole account's
            deploy_options=self._deployment(stage, key),
        )
        self.host = f"{self.api.rest_api_id}.execute-api.{stage.region}.{cdk.Aws.URL_SUFFIX}"
        self._add_methods(_streaming(function), sign_in)
        add_gateway_responses(self, self.api)

    def _deployment(self, stage: Stage, key: kms.IKey | None) -> apigateway.StageOptions:
        group = log_group(self, "AccessLog", stage=stage, key=key)
        return apigateway.StageOptions(
            stage_name=self.stage_name,
            throttling_rate_limit=stage.api.rate_per_second,
            throttling_burst_limit=stage.api.burst,
            logging_level=apigateway.MethodLoggingLevel.ERROR,
            data_trace_enabled=False,  # it would log what people write
            metrics_enabled=True,
            tracing_enabled=stage.function.tracing,
            access_log_destination=apigateway.LogGroupLogDestination(group),
            access_log_format=apigateway.AccessLogFormat.custom(_access_log_format(stage)),
        )

    def _add_methods(self, integration: apigateway.Integration, sign_in: SignInPool) -> None:
        version = self.api.root.add_resource("v1")
        for path in OPEN_PATHS:
            version.add_resource(path).add_method(
                "GET", integration, authorization_type=apigateway.AuthorizationType.NONE
            )
        everything_else = version.add_resource("{proxy+}")
        if sign_in.pool is None:
            # The function checks the tokens of an issuer that API Gateway does not know.
            everything_else.add_method(
                "ANY", integration, authorization_type=apigateway.AuthorizationType.NONE
            )
            return
        everything_else.add_method(
            "ANY",
            integration,
            authorization_type=apigateway.AuthorizationType.COGNITO,
            authorizer=apigateway.CognitoUserPoolsAuthorizer(
                self, "Authorizer", cognito_user_pools=[sign_in.pool]
            ),
            authorization_scopes=list(sign_in.api_scopes),
        )


def only_through(endpoint: ec2.IInterfaceVpcEndpoint) -> iam.PolicyDocument:
    """The resource policy: everybody, but by this endpoint and by no other way."""
    source = {"aws:SourceVpce": endpoint.vpc_endpoint_id}
    everything = "execute-api:/*"
    return iam.PolicyDocument(
        statements=[
            iam.PolicyStatement(
                effect=iam.Effect.DENY,
                principals=[iam.AnyPrincipal()],
                actions=["execute-api:Invoke"],
                resources=[everything],
                conditions={"StringNotEquals": source},
            ),
            iam.PolicyStatement(
                principals=[iam.AnyPrincipal()],
                actions=["execute-api:Invoke"],
                resources=[everything],
                conditions={"StringEquals": source},
            ),
        ]
    )


def _streaming(function: lambda_.IFunction) -> apigateway.LambdaIntegration:
    return apigateway.LambdaIntegration(
        function,
        proxy=True,
        allow_test_invoke=False,
        response_transfer_mode=apigateway.ResponseTransferMode.STREAM,
        timeout=cdk.Duration.seconds(STREAM_SECONDS),
    )


def _access_log_format(stage: Stage) -> str:
    fields = {**_LOGGED}
    if not stage.function.tracing:
        del fields["trace"]
    inner = ",".join(f'"{name}":"$context.{value}"' for name, value in fields.items())
    return f"{{{inner}}}"
