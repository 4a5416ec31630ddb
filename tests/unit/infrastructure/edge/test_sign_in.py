"""Sign-in: the pool and its one client."""

from __future__ import annotations

import aws_cdk as cdk
import pytest

from infrastructure.edge.sign_in import API_SCOPE, SignInPool
from tests.support.edge_boxes import DOMAIN, Resource, edge_stage, edge_templates


def test_the_page_signs_in_by_code_and_has_no_secret():
    client = _client()
    assert client["AllowedOAuthFlows"] == ["code"]
    assert client["GenerateSecret"] is False
    assert client["CallbackURLs"] == [f"https://{DOMAIN}/signed-in"]
    assert client["LogoutURLs"] == [f"https://{DOMAIN}/"]


def test_its_access_token_has_the_scope_that_the_api_wants():
    scopes = _client()["AllowedOAuthScopes"]
    assert scopes[:3] == ["openid", "email", "profile"]
    server, scope = scopes[3]["Fn::Join"][1]
    assert (scope, API_SCOPE) == ("/chat", "keepwarm/chat")
    ((name, resource),) = edge_templates().chat.named("AWS::Cognito::UserPoolResourceServer")
    assert server == {"Ref": name}
    assert resource["Properties"]["Identifier"] == "keepwarm"


def test_a_password_is_never_sent_to_the_pool_by_the_client():
    assert _client()["ExplicitAuthFlows"] == ["ALLOW_USER_SRP_AUTH"]


def test_tokens_are_short_lived_and_a_refresh_token_is_used_once():
    client = _client()
    assert set(client["TokenValidityUnits"].values()) == {"minutes"}
    assert client["AccessTokenValidity"] == 60
    assert client["RefreshTokenRotation"] == {"Feature": "ENABLED", "RetryGracePeriodSeconds": 60}
    assert client["EnableTokenRevocation"] is True


def test_nobody_learns_from_an_error_who_has_an_account():
    assert _client()["PreventUserExistenceErrors"] == "ENABLED"


def test_accounts_are_made_by_administrators_unless_the_settings_say_otherwise():
    assert _pool()["AdminCreateUserConfig"] == {"AllowAdminCreateUserOnly": True}


def test_one_address_is_one_account_however_it_is_written():
    assert _pool()["UsernameAttributes"] == ["email"]
    assert _pool()["UsernameConfiguration"] == {"CaseSensitive": False}


def test_an_account_is_recovered_by_its_verified_address_alone():
    (way,) = _pool()["AccountRecoverySetting"]["RecoveryMechanisms"]
    assert way["Name"] == "verified_email"


def test_passwords_are_long_and_mixed():
    policy = _pool()["Policies"]["PasswordPolicy"]
    assert policy["MinimumLength"] >= 12
    assert all(
        policy[f"Require{kind}"] for kind in ("Lowercase", "Uppercase", "Numbers", "Symbols")
    )


@pytest.mark.parametrize(("variant", "mfa"), [("plain", "OPTIONAL"), ("kept", "ON")])
def test_the_second_factor_is_an_app_as_the_settings_want_it(variant: str, mfa: str):
    pool = _pool(variant)
    assert pool["MfaConfiguration"] == mfa
    assert pool["EnabledMfas"] == ["SOFTWARE_TOKEN_MFA"]


def test_a_kept_stage_keeps_its_users():
    ((_, pool),) = edge_templates("kept").chat.named("AWS::Cognito::UserPool")
    assert pool["Properties"]["DeletionProtection"] == "ACTIVE"
    assert pool["DeletionPolicy"] == "Retain"
    assert _pool()["DeletionProtection"] == "INACTIVE"


def test_with_an_issuer_of_ones_own_there_is_no_pool():
    chat = edge_templates("own_issuer").chat
    assert not [one for one in chat.resources.values() if "Cognito" in one["Type"]]
    box = SignInPool(cdk.Stack(), "SignIn", stage=edge_stage("own_issuer"))
    assert (box.pool, box.issuer, box.client_id) == (None, "https://id.example.org/realm", "page")
    assert box.scopes == ("openid",)
    assert box.origins == ("https://id.example.org",)


def _client() -> Resource:
    return edge_templates().chat.only("AWS::Cognito::UserPoolClient")


def _pool(variant: str = "plain") -> Resource:
    return edge_templates(variant).chat.only("AWS::Cognito::UserPool")
