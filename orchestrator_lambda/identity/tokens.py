"""Bearer tokens: what a JWT must be before anything in it is believed.

PyJWT and cryptography are imported with the first token: ways in without tokens never pay for them.
"""

from __future__ import annotations

import binascii
import json
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from typing import Any

from orchestrator_lambda.errors import Unauthenticated
from orchestrator_lambda.identity.jwks import KeySet, SigningKey
from orchestrator_lambda.identity.record import Identity, scopes_of, tenant_of, user_id
from orchestrator_lambda.identity.settings import IdentitySettings

MAX_TOKEN = 8192
MAX_HEADER = 2048
MAX_KEY_ID = 256
MAX_SUBJECT = 1024


class TokenVerifier:
    """Turns a bearer token into an identity, or refuses it."""

    def __init__(self, settings: IdentitySettings, keys: KeySet) -> None:
        self._settings = settings
        self._keys = keys

    def verify(self, token: str) -> Identity:
        """The identity that `token` proves.

        Raises:
            Unauthenticated: it does not hold; the message says why, without quoting it.
            Forbidden: it holds, and names no tenant where it must.
            IdentityUnavailable: the issuer's keys cannot be had.
        """
        key = self._key_for(token)
        claims = self._claims(token, key)
        self._check_purpose(claims)
        subject = claims.get("sub")
        if not isinstance(subject, str) or not 0 < len(subject) <= MAX_SUBJECT:
            raise Unauthenticated("the token has no subject")
        return Identity(
            user=user_id("jwt", self._settings.issuer, subject),
            tenant=tenant_of(claims, self._settings.tenant_claim),
            scopes=scopes_of(claims),
        )

    def _key_for(self, token: str) -> SigningKey:
        """The issuer's key that the token's header names: by id alone, never by address or value.

        The algorithm is the key's, so that no token chooses how it is checked.
        """
        header = token_header(token)
        if header.get("alg") not in self._settings.algorithms:
            allowed = " or ".join(self._settings.algorithms)
            raise Unauthenticated(f"the token's signature must be {allowed}")
        if "crit" in header:
            raise Unauthenticated("the token asks for an extension that is not known here")
        key_id = header.get("kid")
        if not isinstance(key_id, str) or not 0 < len(key_id) <= MAX_KEY_ID:
            raise Unauthenticated("the token does not name its key")
        key = self._keys.get(key_id)
        if key is None or key.algorithm != header["alg"]:
            raise Unauthenticated("the token is signed with a key that the issuer does not have")
        return key

    def _claims(self, token: str, key: SigningKey) -> dict[str, Any]:
        import jwt

        try:
            return jwt.decode(
                token,
                key.key,
                algorithms=[key.algorithm],
                issuer=self._settings.issuer,
                leeway=self._settings.leeway_seconds,
                # The audience is checked below: Cognito's access tokens have a client_id instead.
                options={"require": ["exp", "iss", "sub"], "verify_aud": False},
            )
        except jwt.ExpiredSignatureError:
            raise Unauthenticated("the token has expired") from None
        except jwt.ImmatureSignatureError:
            raise Unauthenticated("the token is not valid yet") from None
        except jwt.InvalidIssuerError:
            raise Unauthenticated("the token is of another issuer") from None
        except jwt.MissingRequiredClaimError as error:
            raise Unauthenticated(f"the token lacks the claim {error.claim}") from None
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError):
            raise Unauthenticated("the token does not hold") from None

    def _check_purpose(self, claims: Mapping[str, Any]) -> None:
        """The token must be meant for us, and be of a kind that is taken."""
        use = claims.get("token_use")
        if use is not None and use not in self._settings.token_uses:
            taken = " or ".join(self._settings.token_uses)
            raise Unauthenticated(f"the token is of the wrong kind; send the {taken} token")
        audience = claims.get("aud")
        if audience is None and use == "access":
            audience = claims.get("client_id")
        meant_for = audience if isinstance(audience, list) else [audience]
        if not any(name in self._settings.audiences for name in meant_for):
            raise Unauthenticated("the token is for another service")


def bearer_token(values: list[str]) -> str | None:
    """The token of the Authorization header; None where there is no bearer token at all.

    Raises:
        Unauthenticated: there are several, or it is longer than any real one.
    """
    bearers = [value for value in values if value[:7].lower() == "bearer "]
    if not bearers:
        return None
    if len(values) > 1:
        raise Unauthenticated("there is more than one Authorization header")
    token = bearers[0][7:].strip()
    if not token or len(token) > MAX_TOKEN:
        raise Unauthenticated(f"a bearer token has 1 to {MAX_TOKEN} characters")
    return token


def token_header(token: str) -> dict[str, Any]:
    """The header of a token, not yet believed.

    Raises:
        Unauthenticated: this is no JWT.
    """
    first, _, rest = token.partition(".")
    if rest.count(".") != 1 or len(first) > MAX_HEADER:
        raise Unauthenticated("the bearer token is no JWT")
    try:
        header = json.loads(urlsafe_b64decode(first + "=" * (-len(first) % 4)))
    except (ValueError, binascii.Error, RecursionError):
        raise Unauthenticated("the bearer token is no JWT") from None
    if not isinstance(header, dict):
        raise Unauthenticated("the bearer token is no JWT")
    return header
