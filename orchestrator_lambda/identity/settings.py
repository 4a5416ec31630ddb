"""How callers are known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from orchestrator_lambda.errors import ConfigError
from orchestrator_lambda.settings import environment_setting, read, setting

WAYS = ("jwt", "iam", "authorizer", "local")


@dataclass(frozen=True, kw_only=True)
class IdentitySettings:
    """Which ways in are open, and what a token must say.

    Raises:
        ConfigError: a value is wrong, or a way in lacks what makes it safe.
    """

    env: str = environment_setting()
    ways: tuple[str, ...] = setting(
        ("jwt",),
        "KEEPWARM_IDENTITY",
        about="ways in, by commas: jwt (bearer token), iam (SigV4, from the event), authorizer "
        "(claims that API Gateway's authorizer passes on), local (development: whoever the "
        "header x-keepwarm-user names)",
        choices=WAYS,
    )
    issuer: str = setting(
        "", "KEEPWARM_JWT_ISSUER", about="issuer of the tokens, exactly as in their `iss`"
    )
    audiences: tuple[str, ...] = setting(
        (),
        "KEEPWARM_JWT_AUDIENCES",
        about="audiences or Cognito client ids that tokens may be for, by commas",
    )
    jwks_url: str = setting(
        "",
        "KEEPWARM_JWT_JWKS_URL",
        about="where the issuer's keys are; empty: /.well-known/jwks.json below the issuer",
    )
    algorithms: tuple[str, ...] = setting(
        ("RS256", "ES256"),
        "KEEPWARM_JWT_ALGORITHMS",
        about="signatures taken",
        choices=("RS256", "ES256"),
    )
    token_uses: tuple[str, ...] = setting(
        ("access",),
        "KEEPWARM_JWT_TOKEN_USES",
        about="Cognito's kinds of token taken: access, id; of tokens that say no kind, any",
        choices=("access", "id"),
    )
    tenant_claim: str = setting(
        "",
        "KEEPWARM_TENANT_CLAIM",
        about="claim that names the tenant, such as custom:tenant; empty: one tenant for all",
    )
    leeway_seconds: float = setting(
        30.0, "KEEPWARM_JWT_LEEWAY_SECONDS", about="clock skew forgiven", low=0, high=300
    )
    jwks_seconds: float = setting(
        3600.0,
        "KEEPWARM_JWKS_SECONDS",
        about="keys are asked for again this often",
        low=60,
        high=86400,
    )
    jwks_stale_seconds: float = setting(
        86400.0,
        "KEEPWARM_JWKS_STALE_SECONDS",
        about="keys last this long where the issuer cannot be asked",
        low=0,
        high=7 * 86400,
    )
    jwks_refetch_seconds: float = setting(
        30.0,
        "KEEPWARM_JWKS_REFETCH_SECONDS",
        about="a key that is not known makes us ask again at most this often",
        low=1,
        high=3600,
    )
    jwks_timeout_seconds: float = setting(
        3.0,
        "KEEPWARM_JWKS_TIMEOUT_SECONDS",
        about="time the issuer gets to answer",
        low=0.1,
        high=30,
    )

    def __post_init__(self) -> None:
        if not self.ways:
            raise ConfigError(f"KEEPWARM_IDENTITY must name one of: {', '.join(WAYS)}")
        if "local" in self.ways and self.env != "local":
            raise ConfigError(
                "KEEPWARM_IDENTITY=local lets everybody be anybody; it needs KEEPWARM_ENV=local"
            )
        if "jwt" in self.ways:
            self._check_tokens()

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> IdentitySettings:
        """Settings from the environment.

        Raises:
            ConfigError: a variable does not hold what its setting needs.
        """
        return read(cls, env)

    @property
    def keys_url(self) -> str:
        """Where the issuer's keys are."""
        return self.jwks_url or f"{self.issuer.rstrip('/')}/.well-known/jwks.json"

    def _check_tokens(self) -> None:
        if not self.issuer:
            raise ConfigError(
                "KEEPWARM_JWT_ISSUER must be set, or KEEPWARM_IDENTITY must do without jwt"
            )
        if not self.audiences:
            raise ConfigError(
                "KEEPWARM_JWT_AUDIENCES must be set: without it a token for any service of the "
                "issuer would do"
            )
        if not self.algorithms or not self.token_uses:
            raise ConfigError(
                "KEEPWARM_JWT_ALGORITHMS and KEEPWARM_JWT_TOKEN_USES must not be empty"
            )
        parts = urlsplit(self.keys_url)
        schemes = ("https", "http") if self.env == "local" else ("https",)
        if parts.scheme not in schemes or not parts.hostname:
            raise ConfigError(
                "KEEPWARM_JWT_JWKS_URL, or KEEPWARM_JWT_ISSUER where that is empty, must be an "
                "https:// address"
            )
