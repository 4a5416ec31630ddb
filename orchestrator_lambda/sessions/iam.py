"""Signing in at ElastiCache by IAM: the password is a signed request, good for 15 minutes.

The cache checks it when a connection is made, and ends every connection after 12 hours. The form is
AWS's: a presigned `connect` of the service `elasticache`, without its scheme.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from redis.credentials import CredentialProvider

TOKEN_SECONDS = 900
RENEW_SECONDS = 600


class IamCredentials(CredentialProvider):
    """User and token for new connections; a token serves them for ten minutes.

    Args:
        user: ElastiCache user, of authentication mode iam; its id and name are the same.
        cache: name of the replication group or serverless cache.
        serverless: which of the two.
        session: botocore session whose credentials sign; Lambda's by default.
        clock: seconds, rising.
    """

    def __init__(
        self,
        *,
        user: str,
        cache: str,
        region: str,
        serverless: bool = False,
        session: Any = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._user = user.lower()
        self._cache = cache
        self._region = region
        self._serverless = serverless
        self._session = session
        self._clock = clock
        self._lock = threading.Lock()
        self._token = ""
        self._made = 0.0

    def get_credentials(self) -> tuple[str, str]:
        """(user, token)."""
        with self._lock:
            now = self._clock()
            if not self._token or now - self._made >= RENEW_SECONDS:
                self._token, self._made = self._sign(), now
            return self._user, self._token

    def forget(self) -> None:
        """Sign anew the next time: the credentials may be others after a restore."""
        with self._lock:
            self._token = ""

    def _sign(self) -> str:
        import botocore.session
        from botocore.model import ServiceId
        from botocore.signers import RequestSigner

        session = self._session or botocore.session.get_session()
        signer = RequestSigner(
            ServiceId("elasticache"),
            self._region,
            "elasticache",
            "v4",
            session.get_credentials(),
            session.get_component("event_emitter"),
        )
        query = {"Action": "connect", "User": self._user}
        if self._serverless:
            query["ResourceType"] = "ServerlessCache"
        request = {
            "method": "GET",
            "url": f"https://{self._cache}/?{urlencode(query)}",
            "body": {},
            "headers": {},
            "context": {},
        }
        url: str = signer.generate_presigned_url(
            request, operation_name="connect", expires_in=TOKEN_SECONDS, region_name=self._region
        )
        return url.removeprefix("https://")
