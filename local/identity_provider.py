"""A local issuer of tokens, in place of the cloud's user pool: anybody may be anybody here.

The tokens are like Cognito's access tokens and are checked by the orchestrator's normal rules. The
key is made at the start and lives in this process alone; the issuer's name never changes, so that a
user stays the same user from one start to the next.
"""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Callable
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

ISSUER = "https://keepwarm.localhost/local"
ISSUER_PATH = "/local"
AUDIENCE = "keepwarm-local"
LIFETIME_S = 12 * 3600

_USER = re.compile(r"[\w.@ -]{0,63}[\w.@-]")


class SignInRefused(ValueError):
    """The name is none; the message says what would be one."""


class IdentityProvider:
    """Signs people in by their word.

    Args:
        audience: whom the tokens are for.
        clock: Unix seconds.
    """

    def __init__(self, *, audience: str = AUDIENCE, clock: Callable[[], float] = time.time) -> None:
        self._audience = audience
        self._clock = clock
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._key_id = secrets.token_hex(8)

    def sign_in(self, user: object) -> dict[str, Any]:
        """`token`, `expires_ms` and `user` for a name.

        Raises:
            SignInRefused: this is no name.
        """
        name = user.strip() if isinstance(user, str) else ""
        if not _USER.fullmatch(name):
            raise SignInRefused("user must be 1 to 64 letters, digits, spaces or . _ @ -")
        now = int(self._clock())
        expires = now + LIFETIME_S
        claims = {
            "iss": ISSUER,
            "sub": name.casefold(),
            "aud": self._audience,
            "client_id": self._audience,
            "token_use": "access",
            "scope": "chat",
            "username": name,
            "iat": now,
            "exp": expires,
            "jti": secrets.token_hex(16),
        }
        token = jwt.encode(claims, self._key, algorithm="ES256", headers={"kid": self._key_id})
        return {"token": token, "expires_ms": expires * 1000, "user": name}

    def key_set(self) -> dict[str, Any]:
        """The JWKS document."""
        public = json.loads(ECAlgorithm(ECAlgorithm.SHA256).to_jwk(self._key.public_key()))
        key = {**public, "kid": self._key_id, "use": "sig", "alg": "ES256"}
        return {"keys": [key]}

    def discovery(self) -> dict[str, Any]:
        """What OpenID Connect's discovery document says of it."""
        return {
            "issuer": ISSUER,
            "jwks_uri": f"{ISSUER}/.well-known/jwks.json",
            "id_token_signing_alg_values_supported": ["ES256"],
            "subject_types_supported": ["public"],
            "response_types_supported": ["token"],
        }


def identity_environment(keys_url: str, audience: str = AUDIENCE) -> dict[str, str]:
    """The variables by which an orchestrator accepts these tokens and nothing else."""
    return {
        "KEEPWARM_ENV": "local",
        "KEEPWARM_IDENTITY": "jwt",
        "KEEPWARM_JWT_ISSUER": ISSUER,
        "KEEPWARM_JWT_AUDIENCES": audience,
        "KEEPWARM_JWT_JWKS_URL": keys_url,
    }
