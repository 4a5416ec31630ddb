"""The same container on instances of our own, behind an internal load balancer, by plain HTTP."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from orchestrator_lambda.backends.body import MAX_BODY_BYTES, canonical_body, routing_id
from orchestrator_lambda.backends.connections import (
    KEEPALIVE_OPTIONS,
    Limits,
    interrupt,
    reading,
    reset,
    stalled,
)
from orchestrator_lambda.backends.failures import ContainerError, retry_ms, unavailable
from orchestrator_lambda.backends.generation import StreamGeneration
from orchestrator_lambda.backends.homes import SPILLS, Homes
from orchestrator_lambda.backends.interface import Generation, GenerationRequest, Receipt
from orchestrator_lambda.backends.session_book import LocalSessionBook
from orchestrator_lambda.backends.warming import warm
from orchestrator_lambda.errors import BackendError, OrchestratorError

log = logging.getLogger(__name__)

DEFAULT_PATH = "/invocations"
ROUTING_HEADER = "X-Keepwarm-Routing-Id"
MAX_ERROR_BYTES = 65536
PIECE_BYTES = 65536


class FleetBackend:
    """Obeys `Backend`; any number of threads may generate at once, over connections kept open.

    A conversation comes back to its home, by the balancer's cookie. Requests carry its routing id
    in a header as well, for balancers that hash one.

    Args:
        name: in receipts and logs.
        url: http(s)://host[:port] of the load balancer, with a path if it is not /invocations.
        homes: of the conversations; kept in this process by default.
        limits: of connections.
        ca_file: certificates to trust instead of the system's, for a private authority.
        max_bytes: longest body.

    Raises:
        ValueError: the URL is none of these.
    """

    def __init__(
        self,
        name: str,
        url: str,
        *,
        homes: Homes | None = None,
        limits: Limits | None = None,
        ca_file: str | None = None,
        max_bytes: int = MAX_BODY_BYTES,
    ) -> None:
        limits = limits or Limits()
        self.name = name
        self._homes = homes or Homes(name, LocalSessionBook())
        self._path = path_of(url)
        self._max_bytes = max_bytes
        self._pool = _pool(url, limits, ca_file)

    def generate(self, request: GenerationRequest) -> Generation:
        """See Backend.generate; the call is made when the generation is iterated."""
        body = canonical_body(request, max_bytes=self._max_bytes)
        return StreamGeneration(
            self.name, lambda: self._open(request, body), deadline_ms=request.deadline_ms
        )

    def warm(self, request: GenerationRequest) -> Receipt | None:
        """See Warmable."""
        return warm(self, request)

    def healthy(self) -> bool:
        """Always: what it has been through is the breaker's to know."""
        return True

    def _open(self, request: GenerationRequest, body: bytes) -> _HttpBody:
        """At home; if there is no room, at once at any other: one instance is not the fleet."""
        home = self._homes.known(request)
        response = self._ask(request, body, {"Cookie": home} if home else {})
        if home and response.status in SPILLS:
            response.close()
            fields = {"backend": self.name, "status": response.status}
            log.info("a conversation leaves its instance", extra=fields)
            response = self._ask(request, body, {})
        if response.status != 200:
            raise self._refused(response)
        return _HttpBody(response, partial(self._homes.unless_silent, request))

    def _ask(self, request: GenerationRequest, body: bytes, cookie: dict[str, str]) -> Any:
        headers = {
            **request.trace,
            **cookie,
            "Content-Type": "application/json",
            "Accept": "text/event-stream",
            ROUTING_HEADER: routing_id(request),
        }
        with self._homes.unless_silent(request):
            response = self._send(headers, body)
        self._homes.learn(request, int(response.status), response.headers.getlist("Set-Cookie"))
        return response

    def _send(self, headers: dict[str, str], body: bytes) -> Any:
        from urllib3.exceptions import (
            ConnectTimeoutError,
            HTTPError,
            NewConnectionError,
            ProtocolError,
            ReadTimeoutError,
        )

        try:
            return self._pool.urlopen(
                "POST",
                self._path,
                body=body,
                headers=headers,
                retries=False,
                redirect=False,
                preload_content=False,
                decode_content=False,
            )
        except ReadTimeoutError:
            raise stalled() from None
        except (ConnectTimeoutError, NewConnectionError):
            raise unavailable() from None
        except ProtocolError:
            raise reset() from None
        except HTTPError as error:  # certificates, names, malformed answers
            kind = type(error).__name__
            log.warning("a call did not leave", extra={"backend": self.name, "type": kind})
            raise unavailable() from None

    def _refused(self, response: Any) -> OrchestratorError:
        status = int(response.status)
        try:
            with reading():
                body = response.read(MAX_ERROR_BYTES)
        except BackendError:
            body = b""
        finally:
            response.close()
        error = ContainerError.of_body(status, body)
        fields = {"backend": self.name, "status": status, "error_code": error.code}
        log.warning("the container refused a call", extra=fields)
        found = error.to_error()
        if error.retry_after_ms is None:
            found.retry_after_ms = _retry_after(response) or found.retry_after_ms
        return found


class _HttpBody:
    """The bytes of an answer as they arrive; `watched` sees how reading them ends."""

    def __init__(self, response: Any, watched: Callable[[], AbstractContextManager[None]]) -> None:
        self._response = response
        self._watched = watched

    def __iter__(self) -> Iterator[bytes]:
        with self._watched(), reading():
            while piece := self._response.read1(PIECE_BYTES):
                yield piece

    def interrupt(self) -> None:
        """See ByteStream."""
        interrupt(self._response)

    def close(self) -> None:
        """See ByteStream."""
        self._response.close()


def path_of(url: str) -> str:
    """The path that requests go to.

    Raises:
        ValueError: the URL is not http(s)://host[:port][/path].
    """
    parts = urlsplit(url)
    extra = parts.query or parts.fragment or parts.username or parts.password
    if parts.scheme not in ("http", "https") or not parts.hostname or extra:
        raise ValueError("must be http(s)://host[:port], with a path if need be")
    _ = parts.port  # raises ValueError for one out of range
    return parts.path if parts.path not in ("", "/") else DEFAULT_PATH


def _pool(url: str, limits: Limits, ca_file: str | None) -> Any:
    import urllib3

    parts = urlsplit(url)
    options: dict[str, Any] = {
        "timeout": urllib3.Timeout(connect=limits.connect_s, read=limits.stall_s),
        "maxsize": limits.pool,
        "socket_options": KEEPALIVE_OPTIONS,
    }
    if parts.scheme == "http":
        return urllib3.HTTPConnectionPool(parts.hostname or "", parts.port, **options)
    return urllib3.HTTPSConnectionPool(
        parts.hostname or "", parts.port, ca_certs=ca_file, **options
    )


def _retry_after(response: Any) -> int | None:
    """Seconds of a Retry-After header, in milliseconds."""
    text = str(response.headers.get("Retry-After", ""))
    return retry_ms(int(text) * 1000) if text.isdecimal() and text.isascii() else None
