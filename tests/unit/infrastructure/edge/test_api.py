"""The REST API: private, streaming, and checked by the user pool but for the open routes."""

from __future__ import annotations

import json
import re
from typing import cast

import pytest

from infrastructure.edge.api import OPEN_PATHS
from orchestrator_lambda.api.routes import make_routes
from orchestrator_lambda.events.rest import RestEvent
from orchestrator_lambda.turns.services import Services
from tests.support.edge_boxes import Resource, edge_templates

METHOD = "AWS::ApiGateway::Method"


def test_the_api_is_private_and_bound_to_one_endpoint():
    endpoints = _api()["EndpointConfiguration"]
    assert endpoints["Types"] == ["PRIVATE"]
    assert len(endpoints["VpcEndpointIds"]) == 1


def test_a_request_by_any_other_way_is_denied():
    denied, allowed = _api()["Policy"]["Statement"]
    endpoint = _api()["EndpointConfiguration"]["VpcEndpointIds"][0]
    assert denied["Effect"] == "Deny"
    assert denied["Condition"] == {"StringNotEquals": {"aws:SourceVpce": endpoint}}
    assert allowed["Effect"] == "Allow"
    assert allowed["Condition"] == {"StringEquals": {"aws:SourceVpce": endpoint}}
    assert {denied["Action"], allowed["Action"]} == {"execute-api:Invoke"}


def test_every_method_streams_for_as_long_as_the_function_may_run():
    for method in _methods("plain").values():
        integration = method["Integration"]
        assert integration["Type"] == "AWS_PROXY"
        assert integration["ResponseTransferMode"] == "STREAM"
        assert integration["TimeoutInMillis"] == 900_000
        uri = "".join(part for part in integration["Uri"]["Fn::Join"][1] if isinstance(part, str))
        assert "/2021-11-15/functions/" in uri
        assert uri.endswith("/response-streaming-invocations")


def test_methods_call_the_alias_and_not_the_newest_code():
    for method in _methods("plain").values():
        assert any("Live" in str(part) for part in method["Integration"]["Uri"]["Fn::Join"][1])


def test_all_but_the_open_routes_want_an_access_token_with_the_apis_scope():
    method = _methods("plain")["v1/{proxy+}"]
    assert method["HttpMethod"] == "ANY"
    assert method["AuthorizationType"] == "COGNITO_USER_POOLS"
    assert method["AuthorizationScopes"] == ["keepwarm/chat"]
    authorizer = edge_templates().chat.only("AWS::ApiGateway::Authorizer")
    assert authorizer["Type"] == "COGNITO_USER_POOLS"
    assert authorizer["IdentitySource"] == "method.request.header.Authorization"
    assert len(authorizer["ProviderARNs"]) == 1


def test_the_open_routes_are_those_that_the_orchestrator_opens():
    methods = _methods("plain")
    free = {
        (method["HttpMethod"], f"/{path}")
        for path, method in methods.items()
        if method["AuthorizationType"] == "NONE"
    }
    assert free == _open_operations()
    assert {path for _, path in free} == {f"/v1/{path}" for path in OPEN_PATHS}


def test_with_an_issuer_of_ones_own_the_function_checks_tokens():
    chat = edge_templates("own_issuer").chat
    assert chat.of_type("AWS::ApiGateway::Authorizer") == []
    assert {one["AuthorizationType"] for one in chat.of_type(METHOD)} == {"NONE"}


def test_claims_arrive_where_the_orchestrator_looks_for_them():
    claims = {"sub": "s", "iss": "https://issuer", "scope": "openid keepwarm/chat"}
    event = {"requestContext": {"authorizer": {"claims": claims}}, "headers": {}}
    assert RestEvent(event).identity().claims == claims


def test_the_path_that_the_function_sees_is_whole_below_the_proxy():
    event = {
        "path": "/v1/conversations/c-1",
        "resource": "/v1/{proxy+}",
        "pathParameters": {"proxy": "conversations/c-1"},
    }
    assert RestEvent(event).path() == "/v1/conversations/c-1"


def test_the_access_log_is_json_and_holds_no_query_no_token_and_no_text():
    line = _stage("plain")["AccessLogSetting"]["Format"]
    fields = json.loads(line)
    assert {"request_id", "status", "path", "milliseconds"} <= set(fields)
    named = set(re.findall(r"\$context\.([\w.]+)", line))
    private = {name for name in named if re.search(r"query|header|claims|body|userAgent", name)}
    assert private == set()


def test_what_people_write_is_in_no_execution_log():
    (settings,) = _stage("plain")["MethodSettings"]
    assert settings["DataTraceEnabled"] is False
    assert settings["LoggingLevel"] == "ERROR"


def test_the_rates_of_the_settings_hold_for_every_method():
    (settings,) = _stage("plain")["MethodSettings"]
    assert (settings["HttpMethod"], settings["ResourcePath"]) == ("*", "/*")
    assert settings["ThrottlingRateLimit"] == 200
    assert settings["ThrottlingBurstLimit"] == 400


def test_calls_are_traced():
    assert _stage("plain")["TracingEnabled"] is True


@pytest.mark.parametrize("variant", ("plain", "own_issuer"))
def test_api_gateway_may_call_the_function_for_these_methods_alone(variant: str):
    permissions = edge_templates(variant).chat.of_type("AWS::Lambda::Permission")
    ends = sorted(one["SourceArn"]["Fn::Join"][1][-1] for one in permissions)
    assert ends == ["/*/v1/*", "/GET/v1/health", "/GET/v1/openapi.json"]
    assert {one["Principal"] for one in permissions} == {"apigateway.amazonaws.com"}


def _open_operations() -> set[tuple[str, str]]:
    routes = make_routes(cast(Services, None), ())
    return {(route.method, route.template) for route in routes if route.is_open}


def _api() -> Resource:
    return edge_templates().chat.only("AWS::ApiGateway::RestApi")


def _stage(variant: str) -> Resource:
    return edge_templates(variant).chat.only("AWS::ApiGateway::Stage")


def _methods(variant: str) -> dict[str, Resource]:
    """Methods by their paths."""
    chat = edge_templates(variant).chat
    parts = {
        name: (one["Properties"]["PathPart"], one["Properties"]["ParentId"].get("Ref"))
        for name, one in chat.named("AWS::ApiGateway::Resource")
    }

    def path_of(name: str) -> str:
        part, parent = parts[name]
        return f"{path_of(parent)}/{part}" if parent in parts else part

    return {path_of(one["ResourceId"]["Ref"]): one for one in chat.of_type(METHOD)}
