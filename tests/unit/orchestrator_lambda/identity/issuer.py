"""An issuer of tokens for tests: its keys, its JWKS, and tokens of every bad kind."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

ISSUER = "https://issuer.example.com/pool"
AUDIENCE = "client-1"


def b64(data: bytes | dict[str, Any]) -> str:
    raw = data if isinstance(data, bytes) else json.dumps(data).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


class Issuer:
    """Signs with keys by id; `jwks` publishes those that are in use."""

    def __init__(self, shared: dict[str, Any]) -> None:
        self.keys = {"rsa-1": shared["rsa-1"], "ec-1": shared["ec-1"]}
        self._spare = shared
        self.asked = 0
        self.down = False

    def rotate(self) -> None:
        """Another RSA key in place of the old one."""
        self.keys = {"rsa-2": self._spare["rsa-2"], "ec-1": self.keys["ec-1"]}

    def jwks(self) -> bytes:
        return json.dumps({"keys": [self.jwk(key_id) for key_id in self.keys]}).encode()

    def jwk(self, key_id: str) -> dict[str, Any]:
        public = self.keys[key_id].public_key()
        kind = jwt.algorithms.RSAAlgorithm if "rsa" in key_id else jwt.algorithms.ECAlgorithm
        algorithm = "RS256" if "rsa" in key_id else "ES256"
        entry = json.loads(kind.to_jwk(public))
        return {**entry, "kid": key_id, "use": "sig", "alg": algorithm}

    def fetch(self, url: str, timeout: float) -> bytes:
        self.asked += 1
        if self.down:
            raise TimeoutError("no answer")
        return self.jwks()

    def claims(self, **changes: Any) -> dict[str, Any]:
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "sub": "user-1",
            "aud": AUDIENCE,
            "exp": now + 600,
            "iat": now,
            "token_use": "access",
            "scope": "chat/read chat/write",
            **changes,
        }
        return {name: value for name, value in claims.items() if value is not None}

    def token(self, key_id: str = "rsa-1", header: dict[str, Any] | None = None, **changes: Any):
        algorithm = "RS256" if "rsa" in key_id else "ES256"
        headers = {"kid": key_id, **(header or {})}
        return jwt.encode(self.claims(**changes), self.keys[key_id], algorithm, headers=headers)

    def unsigned(self) -> str:
        return f"{b64({'alg': 'none', 'kid': 'rsa-1'})}.{b64(self.claims())}."

    def signed_with_the_public_key(self, algorithm: str = "HS256") -> str:
        """The classic confusion: the public key, taken for a shared secret."""
        secret = (
            self.keys["rsa-1"]
            .public_key()
            .public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            )
        )
        signed = f"{b64({'alg': algorithm, 'kid': 'rsa-1'})}.{b64(self.claims())}"
        return f"{signed}.{b64(hmac.new(secret, signed.encode(), hashlib.sha256).digest())}"


def make_keys() -> dict[str, Any]:
    return {
        "rsa-1": rsa.generate_private_key(65537, 2048),
        "rsa-2": rsa.generate_private_key(65537, 2048),
        "rsa-small": rsa.generate_private_key(65537, 1024),
        "ec-1": ec.generate_private_key(ec.SECP256R1()),
        "ec-384": ec.generate_private_key(ec.SECP384R1()),
    }
