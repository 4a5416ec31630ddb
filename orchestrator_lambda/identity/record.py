"""The identity that the rest of the house sees."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestrator_lambda.errors import Forbidden, OrchestratorError

DEFAULT_TENANT = "default"
USER_ID_DIGITS = 32

_TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}")


class IdentityUnavailable(OrchestratorError):
    """Nobody can say now whether a token holds: the issuer's keys cannot be had."""

    status = 503
    code = "identity_unavailable"


@dataclass(frozen=True, kw_only=True)
class Identity:
    """A caller.

    Attributes:
        user: opaque and stable: the same person by the same way has it for ever; no name or
            address can be read from it, so that it may stand in keys, logs and events.
        tenant: whose prefix cache is shared; never another tenant's.
        scopes: what the token grants.
    """

    user: str
    tenant: str = DEFAULT_TENANT
    scopes: frozenset[str] = field(default_factory=frozenset)


def user_id(way: str, issuer: str, subject: str) -> str:
    """The id of `subject` as `issuer` names it; different ways in never share an id.

    Lengths go in with the texts, so that no two triples run into the same bytes.
    """
    parts = (way, issuer, subject)
    joined = "".join(f"{len(part)}:{part}" for part in parts).encode("utf-8", "surrogatepass")
    return f"u-{hashlib.sha256(joined).hexdigest()[:USER_ID_DIGITS]}"


def tenant_of(claims: Mapping[str, Any], claim: str) -> str:
    """The tenant that claims name; the default one where no claim is set to be looked at.

    Raises:
        Forbidden: the claim is wanted and is absent or no name.
    """
    if not claim:
        return DEFAULT_TENANT
    tenant = claims.get(claim)
    if not isinstance(tenant, str) or not _TENANT.fullmatch(tenant):
        raise Forbidden("the token names no tenant of this service")
    return tenant


def scopes_of(claims: Mapping[str, Any]) -> frozenset[str]:
    """`scope` (words in one text) or `scp` (a text or a list)."""
    value = claims.get("scope", claims.get("scp", ""))
    words = value.split() if isinstance(value, str) else value
    if not isinstance(words, list):
        return frozenset()
    return frozenset(word for word in words if isinstance(word, str))
