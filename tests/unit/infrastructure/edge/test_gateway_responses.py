"""What API Gateway answers by itself looks like the orchestrator's own errors."""

from __future__ import annotations

import json
from typing import Any

import pytest

from infrastructure.edge.balancer import NOT_FOUND
from infrastructure.edge.gateway_responses import ERRORS, GatewayError, body_of
from orchestrator_lambda import errors as orchestrator_errors
from orchestrator_lambda.errors import OrchestratorError
from orchestrator_lambda.http.errors import error_content
from orchestrator_lambda.identity.record import IdentityUnavailable
from tests.support.edge_boxes import edge_templates

RESPONSE = "AWS::ApiGateway::GatewayResponse"


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.kind)
def test_the_body_has_the_fields_of_the_orchestrators_errors(error: GatewayError):
    own = error_content(OrchestratorError("anything"), "id")
    assert _fields(body_of(error)) == set(own["error"])


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.kind)
def test_the_code_is_one_that_the_orchestrator_uses_for_this_status(error: GatewayError):
    known = {(one.code, one.status) for one in _tree(OrchestratorError)}
    own_status = {504: 500, None: {"invalid_request": 400, "internal_error": 500}.get(error.code)}
    assert (error.code, own_status.get(error.status, error.status)) in known


def test_the_balancers_own_answer_has_the_same_fields():
    assert _fields(NOT_FOUND) == _fields(body_of(ERRORS[0]))


def test_the_template_answers_every_kind_with_its_status_and_body():
    found = {one["ResponseType"]: one for one in edge_templates().chat.of_type(RESPONSE)}
    assert set(found) == {error.kind for error in ERRORS}
    for error in ERRORS:
        response = found[error.kind]
        assert response.get("StatusCode") == (str(error.status) if error.status else None)
        assert response["ResponseTemplates"] == {"application/json": body_of(error)}


def test_every_class_of_refusal_has_an_answer_of_ours():
    kinds = {error.kind for error in ERRORS}
    assert {"DEFAULT_4XX", "DEFAULT_5XX", "UNAUTHORIZED", "ACCESS_DENIED", "THROTTLED"} <= kinds
    assert "REQUEST_TOO_LARGE" in kinds


def test_one_who_may_try_again_is_told_when():
    for error in ERRORS:
        assert (error.retry_after_ms is not None) == (error.status in (429, 503))
    throttled = _headers("THROTTLED")
    assert throttled["gatewayresponse.header.Retry-After"] == "'1'"


def test_one_without_a_token_is_told_which_kind_to_send():
    assert _headers("UNAUTHORIZED")["gatewayresponse.header.WWW-Authenticate"] == "'Bearer'"


def test_no_refusal_is_kept_by_a_cache():
    for error in ERRORS:
        assert _headers(error.kind)["gatewayresponse.header.Cache-Control"] == "'no-store'"


def test_a_new_answer_makes_a_new_deployment():
    """API Gateway takes answers into use with a deployment only."""
    chat = edge_templates().chat
    ((_, deployment),) = chat.named("AWS::ApiGateway::Deployment")
    names = {name for name, _ in chat.named(RESPONSE)}
    assert names <= set(deployment["DependsOn"])


def _headers(kind: str) -> dict[str, Any]:
    (found,) = [
        one for one in edge_templates().chat.of_type(RESPONSE) if one["ResponseType"] == kind
    ]
    headers: dict[str, Any] = found["ResponseParameters"]
    return headers


def _fields(body: str) -> set[str]:
    (outer,) = json.loads(body).items()
    assert outer[0] == "error"
    return set(outer[1])


def _tree(root: type[OrchestratorError]) -> set[type[OrchestratorError]]:
    assert issubclass(IdentityUnavailable, OrchestratorError) and orchestrator_errors
    return {root}.union(*(_tree(one) for one in root.__subclasses__()))
