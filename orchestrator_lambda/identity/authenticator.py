"""Who asks, by the first open way that the request uses."""

from __future__ import annotations

import re

from orchestrator_lambda.errors import Unauthenticated
from orchestrator_lambda.http.message import HttpRequest
from orchestrator_lambda.identity.jwks import KeySet
from orchestrator_lambda.identity.record import (
    DEFAULT_TENANT,
    Identity,
    scopes_of,
    tenant_of,
    user_id,
)
from orchestrator_lambda.identity.settings import IdentitySettings
from orchestrator_lambda.identity.tokens import TokenVerifier, bearer_token

LOCAL_HEADER = "x-keepwarm-user"
LOCAL_TENANT_HEADER = "x-keepwarm-tenant"

_LOCAL_NAME = re.compile(r"[\w.@-]{1,64}")


class Authenticator:
    """Knows the caller of a request.

    A bearer token, where tokens are taken, is the only thing looked at: one that does not hold is
    refused, and never falls back to a weaker way.
    """

    def __init__(self, settings: IdentitySettings, keys: KeySet | None = None) -> None:
        self._settings = settings
        self._tokens = TokenVerifier(settings, keys or KeySet(settings))

    def identify(self, request: HttpRequest) -> Identity:
        """The caller.

        Raises:
            Unauthenticated: there is no identity, or one that does not hold.
            Forbidden: there is one, of no tenant.
            IdentityUnavailable: tokens cannot be checked now.
        """
        if "jwt" in self._settings.ways:
            token = bearer_token(request.headers.get_list("authorization"))
            if token is not None:
                return self._tokens.verify(token)
        found = self._by_event(request)
        if found is None and "local" in self._settings.ways:
            found = _by_local_header(request)
        if found is None:
            raise Unauthenticated(self._advice())
        return found

    def _by_event(self, request: HttpRequest) -> Identity | None:
        """By what AWS itself says of the caller."""
        if "iam" in self._settings.ways and request.identity.iam:
            return self._by_iam(request)
        if "authorizer" in self._settings.ways and request.identity.claims:
            return self._by_claims(request)
        return None

    def _by_iam(self, request: HttpRequest) -> Identity | None:
        """By a signed request's principal.

        All users of an identity pool share one role and one session name; what tells them apart
        is the pool's identity id.
        """
        iam = request.identity.iam
        if self._settings.tenant_claim:
            raise Unauthenticated("a signed request names no tenant; send a bearer token")
        pool_identity = iam.get("cognito_identity_id")
        if pool_identity:
            if iam.get("cognito_authentication_type") != "authenticated":
                raise Unauthenticated("guests of the identity pool are not let in; sign in")
            return Identity(user=user_id("pool", "", pool_identity))
        arn = iam.get("user_arn")
        return Identity(user=user_id("iam", "", arn)) if arn else None

    def _by_claims(self, request: HttpRequest) -> Identity:
        """By an authorizer's claims, which it has verified."""
        claims = request.identity.claims
        subject = claims.get("sub") or claims.get("principalId")
        if not isinstance(subject, str):
            raise Unauthenticated("the authorizer passed on no subject")
        issuer = claims.get("iss")
        # The same person by the same issuer is the same user, whoever checked the token.
        way = "jwt" if isinstance(issuer, str) and issuer else "authorizer"
        return Identity(
            user=user_id(way, issuer if isinstance(issuer, str) else "", subject),
            tenant=tenant_of(claims, self._settings.tenant_claim),
            scopes=scopes_of(claims),
        )

    def _advice(self) -> str:
        if "jwt" in self._settings.ways:
            return "send the header Authorization: Bearer with a token"
        return "the request is not signed, or came without its authorizer"


def _by_local_header(request: HttpRequest) -> Identity:
    """Whoever the header says; for development alone, which the settings see to."""
    name = request.headers.get(LOCAL_HEADER, "local")
    tenant = request.headers.get(LOCAL_TENANT_HEADER, DEFAULT_TENANT)
    if not _LOCAL_NAME.fullmatch(name) or not _LOCAL_NAME.fullmatch(tenant):
        raise Unauthenticated(f"{LOCAL_HEADER} must be 1 to 64 letters, digits or . _ @ -")
    return Identity(user=user_id("local", "", name), tenant=tenant)
