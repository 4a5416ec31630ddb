"""An issuer's public keys, kept, and asked for again when they may have changed.

    asked for | kept, fresh            | kept, stale: used only while the issuer does not answer
    ----------+------------------------+---------------------------------------------------------
              0              jwks_seconds                                    + jwks_stale_seconds

An unknown key id may mean that the issuer has rotated its keys, or that somebody makes key ids up:
it leads to one question, at most every `jwks_refetch_seconds`. Ages are by the wall clock, which
goes on while a Lambda is frozen or lies in a snapshot.
"""

from __future__ import annotations

import json
import logging
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any

from orchestrator_lambda.identity.record import IdentityUnavailable
from orchestrator_lambda.identity.settings import IdentitySettings
from orchestrator_lambda.observability.failures import log_failure

MAX_DOCUMENT = 256 * 1024
MAX_KEYS = 100
MIN_RSA_BITS = 2048
EMPTY_PAUSE_S = 2.0  # between questions while there are no keys at all

log = logging.getLogger(__name__)

Fetch = Callable[[str, float], bytes]


@dataclass(frozen=True)
class SigningKey:
    """A public key and the one algorithm that it verifies."""

    algorithm: str
    key: Any


class KeySet:
    """The keys by their ids. Safe for threads; one of them asks, the others wait for it."""

    def __init__(
        self,
        settings: IdentitySettings,
        *,
        fetch: Fetch | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._fetch = fetch or fetch_document
        self._clock = clock
        self._lock = threading.Lock()
        self._keys: Mapping[str, SigningKey] = {}
        self._fetched_at: float | None = None
        self._tried_at: float | None = None

    def get(self, key_id: str) -> SigningKey | None:
        """The key of this id; None if the issuer has none such.

        Raises:
            IdentityUnavailable: there are no keys that could still be trusted.
        """
        with self._lock:
            if self._age() > self._settings.jwks_seconds or key_id not in self._keys:
                self._ask_again()
            if self._age() > self._settings.jwks_seconds + self._settings.jwks_stale_seconds:
                raise IdentityUnavailable("tokens cannot be checked at the moment; try again soon")
            return self._keys.get(key_id)

    def _age(self) -> float:
        return float("inf") if self._fetched_at is None else self._clock() - self._fetched_at

    def _ask_again(self) -> None:
        now = self._clock()
        pause = self._settings.jwks_refetch_seconds if self._keys else EMPTY_PAUSE_S
        if self._tried_at is not None and 0 <= now - self._tried_at < pause:
            return
        self._tried_at = now
        try:
            document = self._fetch(self._settings.keys_url, self._settings.jwks_timeout_seconds)
            keys = parse_keys(document)
        except (OSError, HTTPException, ValueError) as error:
            log_failure(log, "the issuer's keys cannot be had", error)
            return
        self._keys, self._fetched_at = keys, now


def fetch_document(url: str, timeout: float) -> bytes:
    """The document at `url`.

    Raises:
        OSError: it cannot be had in time.
        ValueError: it is too long.
    """
    request = urllib.request.Request(url, headers={"Accept": "application/json"})  # noqa: S310
    with _opener().open(request, timeout=timeout) as answer:
        document: bytes = answer.read(MAX_DOCUMENT + 1)
    if len(document) > MAX_DOCUMENT:
        raise ValueError("the key document is too long")
    return document


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Keys come from the place that the settings name, and from no other."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        """Refuse; the redirect then counts as an error."""


def _opener() -> urllib.request.OpenerDirector:
    return urllib.request.build_opener(_NoRedirects)


def parse_keys(document: bytes) -> dict[str, SigningKey]:
    """The keys for signatures in a JWKS document; those of other kinds are left out.

    Raises:
        ValueError: it is no JWKS, or holds no key that could be used.
    """
    try:
        entries = json.loads(document)["keys"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ValueError("the document is no JWKS") from None
    if not isinstance(entries, list):
        raise ValueError("the document is no JWKS")
    keys = {}
    for entry in entries[:MAX_KEYS]:
        key = _signing_key(entry)
        if key is not None:
            keys[entry["kid"]] = key
    if not keys:
        raise ValueError("the JWKS holds no key for signatures")
    return keys


def _signing_key(entry: object) -> SigningKey | None:
    """A key with an id, for signatures, of a kind that we verify; None for any other."""
    if not isinstance(entry, dict) or not isinstance(entry.get("kid"), str):
        return None
    algorithm = {("RSA", None): "RS256", ("EC", "P-256"): "ES256"}.get(
        (str(entry.get("kty")), entry.get("crv") if entry.get("kty") == "EC" else None)
    )
    if algorithm is None or entry.get("use", "sig") != "sig":
        return None
    if entry.get("alg", algorithm) != algorithm:
        return None
    return _parsed(entry, algorithm)


def _parsed(entry: dict[str, Any], algorithm: str) -> SigningKey | None:
    from jwt import PyJWK, PyJWTError

    public = {name: value for name, value in entry.items() if name not in ("d", "p", "q", "k")}
    try:
        key = PyJWK(public, algorithm=algorithm).key
    except (PyJWTError, ValueError, TypeError, KeyError):
        return None
    if algorithm == "RS256" and key.key_size < MIN_RSA_BITS:
        return None
    return SigningKey(algorithm, key)
