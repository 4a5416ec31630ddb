"""Sign-in: a Cognito user pool with one client, the page; or an issuer of one's own.

The page takes the code flow with PKCE and has no secret. What it sends to the API is the access
token, with a scope of our own: API Gateway's authorizer takes access tokens only where a method
names a scope, and this one is granted to no client but the page.
"""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_cognito as cognito
from constructs import Construct

from infrastructure.settings import Stage

RESOURCE_SERVER = "keepwarm"
CHAT_SCOPE = "chat"
API_SCOPE = f"{RESOURCE_SERVER}/{CHAT_SCOPE}"
CALLBACK_PATH = "/signed-in"

_MFA = {
    "off": cognito.Mfa.OFF,
    "optional": cognito.Mfa.OPTIONAL,
    "required": cognito.Mfa.REQUIRED,
}


class SignInPool(Construct):
    """Who issues the tokens of a stage.

    Attributes:
        issuer: as in the tokens' `iss`.
        client_id: of the page.
        pool: None with an issuer of one's own.
        scopes: what the page asks for.
        api_scopes: what the API asks of an access token; empty with an issuer of one's own.
        origins: those that the page's scripts must reach to sign in, as a browser writes them.
    """

    def __init__(self, scope: Construct, id: str, *, stage: Stage) -> None:
        super().__init__(scope, id)
        self.pool: cognito.UserPool | None = None
        self.issuer = stage.sign_in.issuer
        self.client_id = stage.sign_in.client_id
        self.scopes: tuple[str, ...] = ("openid",)
        self.api_scopes: tuple[str, ...] = ()
        self.origins: tuple[str, ...] = (_origin_of(self.issuer),) if self.issuer else ()
        if not self.issuer:
            self._make_pool(stage)

    def _make_pool(self, stage: Stage) -> None:
        self.pool = _pool(self, stage)
        self.pool.add_domain(
            "Domain",
            cognito_domain=cognito.CognitoDomainOptions(domain_prefix=stage.sign_in.domain_prefix),
        )
        client = self._client(stage, self.pool)
        self.issuer = f"https://cognito-idp.{stage.region}.amazonaws.com/{self.pool.user_pool_id}"
        self.client_id = client.user_pool_client_id
        self.scopes = ("openid", "email", "profile", API_SCOPE)
        self.api_scopes = (API_SCOPE,)
        self.origins = (
            f"https://cognito-idp.{stage.region}.amazonaws.com",
            f"https://{stage.sign_in.domain_prefix}.auth.{stage.region}.amazoncognito.com",
        )

    def _client(self, stage: Stage, pool: cognito.UserPool) -> cognito.UserPoolClient:
        chat = cognito.ResourceServerScope(
            scope_name=CHAT_SCOPE, scope_description="Talk, and see one's own conversations"
        )
        server = pool.add_resource_server("Api", identifier=RESOURCE_SERVER, scopes=[chat])
        address = f"https://{stage.edge.domain}"
        return pool.add_client(
            "Page",
            generate_secret=False,
            # Named, because none named would mean several; tokens got by it lack the API's scope.
            auth_flows=cognito.AuthFlow(user_srp=True),
            o_auth=cognito.OAuthSettings(
                flows=cognito.OAuthFlows(authorization_code_grant=True),
                scopes=[
                    cognito.OAuthScope.OPENID,
                    cognito.OAuthScope.EMAIL,
                    cognito.OAuthScope.PROFILE,
                    cognito.OAuthScope.resource_server(server, chat),
                ],
                callback_urls=[address + CALLBACK_PATH],
                logout_urls=[f"{address}/"],
            ),
            supported_identity_providers=[cognito.UserPoolClientIdentityProvider.COGNITO],
            prevent_user_existence_errors=True,
            enable_token_revocation=True,
            access_token_validity=cdk.Duration.hours(1),
            id_token_validity=cdk.Duration.hours(1),
            refresh_token_validity=cdk.Duration.days(30),
            # A stolen refresh token is worth one use; two tabs may ask in the same minute.
            refresh_token_rotation_grace_period=cdk.Duration.seconds(60),
        )


def _pool(scope: Construct, stage: Stage) -> cognito.UserPool:
    return cognito.UserPool(
        scope,
        "Pool",
        sign_in_aliases=cognito.SignInAliases(email=True),
        sign_in_case_sensitive=False,
        auto_verify=cognito.AutoVerifiedAttrs(email=True),
        keep_original=cognito.KeepOriginalAttrs(email=True),
        self_sign_up_enabled=stage.sign_in.self_sign_up,
        account_recovery=cognito.AccountRecovery.EMAIL_ONLY,
        mfa=_MFA[stage.sign_in.mfa],
        mfa_second_factor=None
        if stage.sign_in.mfa == "off"
        else cognito.MfaSecondFactor(otp=True, sms=False),
        password_policy=cognito.PasswordPolicy(
            min_length=12,
            require_digits=True,
            require_lowercase=True,
            require_symbols=True,
            require_uppercase=True,
            temp_password_validity=cdk.Duration.days(3),
        ),
        deletion_protection=stage.retains,
        removal_policy=cdk.RemovalPolicy.RETAIN if stage.retains else cdk.RemovalPolicy.DESTROY,
    )


def _origin_of(address: str) -> str:
    scheme, _, rest = address.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}"
