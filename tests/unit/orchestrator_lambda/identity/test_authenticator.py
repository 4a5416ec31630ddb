"""Who asks, by every way in; and no way in that the settings have not opened."""

from __future__ import annotations

import pytest

from orchestrator_lambda.errors import Unauthenticated
from orchestrator_lambda.events.invocation import EventSettings, Invocation
from orchestrator_lambda.events.kinds import classify
from orchestrator_lambda.events.request import read_request
from orchestrator_lambda.http.message import HttpRequest
from orchestrator_lambda.http.multimap import Headers
from orchestrator_lambda.identity.authenticator import Authenticator
from orchestrator_lambda.identity.jwks import KeySet
from orchestrator_lambda.identity.settings import IdentitySettings
from tests.events.load import load_event
from tests.unit.orchestrator_lambda.identity.issuer import AUDIENCE, ISSUER


def authenticator(issuer, *ways, **changes):
    settings = IdentitySettings(ways=ways, issuer=ISSUER, audiences=(AUDIENCE,), **changes)
    return Authenticator(settings, KeySet(settings, fetch=issuer.fetch))


def request_of(name_or_event, **headers):
    event = load_event(name_or_event) if isinstance(name_or_event, str) else name_or_event
    for name, value in headers.items():
        event["multiValueHeaders"][name.replace("_", "-")] = [value]
    prepared, http = classify(event)
    return read_request(prepared, http, Invocation(), EventSettings())[0]


def test_a_bearer_token(issuer):
    request = request_of("rest", authorization=f"Bearer {issuer.token()}")
    assert authenticator(issuer, "jwt").identify(request).scopes == {"chat/read", "chat/write"}


@pytest.mark.parametrize("name", ["rest", "rest_iam", "rest_cognito_authorizer", "http_api_v2"])
def test_nobody_without_a_token_where_only_tokens_count(issuer, name):
    with pytest.raises(Unauthenticated, match="Bearer"):
        authenticator(issuer, "jwt").identify(request_of(name))


def test_a_bad_token_never_falls_back_to_another_way(issuer):
    ways = authenticator(issuer, "jwt", "iam", "authorizer", "local", env="local")
    with pytest.raises(Unauthenticated):
        ways.identify(request_of("rest_iam", authorization="Bearer a.b.c"))


def test_iam_principals_are_told_apart(issuer):
    ways = authenticator(issuer, "iam")
    role = ways.identify(request_of("rest_iam"))
    user = ways.identify(request_of("function_url"))
    assert role.user != user.user
    assert role == ways.identify(request_of("rest_iam"))
    assert "ada" not in role.user


def test_users_of_an_identity_pool_share_a_role_and_are_still_told_apart(issuer):
    other = load_event("rest_identity_pool")
    other["requestContext"]["identity"]["cognitoIdentityId"] = "eu-central-1:other"
    ways = authenticator(issuer, "iam")
    ada = ways.identify(request_of("rest_identity_pool"))
    assert ada.user != ways.identify(request_of(other)).user


def test_guests_of_an_identity_pool_are_not_let_in(issuer):
    event = load_event("rest_identity_pool")
    event["requestContext"]["identity"]["cognitoAuthenticationType"] = "unauthenticated"
    with pytest.raises(Unauthenticated, match="guests"):
        authenticator(issuer, "iam").identify(request_of(event))


def test_a_signed_request_has_no_tenant(issuer):
    with pytest.raises(Unauthenticated, match="tenant"):
        authenticator(issuer, "iam", tenant_claim="custom:tenant").identify(request_of("rest_iam"))


def test_an_authorizers_claims_count_only_where_the_settings_say_so(issuer):
    request = request_of("rest_cognito_authorizer")
    with pytest.raises(Unauthenticated):
        authenticator(issuer, "iam").identify(request)
    ways = authenticator(issuer, "authorizer", tenant_claim="custom:tenant")
    identity = ways.identify(request)
    assert identity.tenant == "acme"
    assert identity.scopes == {"chat/read", "chat/write"}
    assert (
        identity.user
        == authenticator(issuer, "authorizer").identify(request_of("http_api_v2")).user
    )


def test_the_same_person_is_the_same_user_by_token_and_by_authorizer(issuer):
    event = load_event("rest_cognito_authorizer")
    event["requestContext"]["authorizer"]["claims"].update({"iss": ISSUER, "sub": "user-1"})
    by_claims = authenticator(issuer, "authorizer").identify(request_of(event))
    request = request_of("rest", authorization=f"Bearer {issuer.token()}")
    assert by_claims.user == authenticator(issuer, "jwt").identify(request).user


@pytest.mark.parametrize("subject", [None, 5, ["a"], ""])
def test_an_authorizer_without_a_subject(issuer, subject):
    event = load_event("rest_cognito_authorizer")
    event["requestContext"]["authorizer"]["claims"]["sub"] = subject
    with pytest.raises(Unauthenticated):
        authenticator(issuer, "authorizer").identify(request_of(event))


@pytest.mark.parametrize(
    "header", ["x-amzn-oidc-identity", "x-amzn-oidc-data", "x-keepwarm-user", "x-user-id"]
)
def test_headers_of_the_client_say_nothing(issuer, header):
    request = HttpRequest(method="GET", path="/", headers=Headers({header: "ada"}))
    with pytest.raises(Unauthenticated):
        authenticator(issuer, "jwt", "iam", "authorizer").identify(request)


def test_development_knows_everybody_by_name(issuer):
    ways = authenticator(issuer, "local", env="local")
    ada = request_of("rest", x_keepwarm_user="ada", x_keepwarm_tenant="acme")
    assert ways.identify(ada).tenant == "acme"
    assert ways.identify(ada).user != ways.identify(request_of("rest")).user
    with pytest.raises(Unauthenticated):
        ways.identify(request_of("rest", x_keepwarm_user="a b"))
