"""A server of our own, by its URL. The standard library's client: it adds nothing to a latency."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from pipelines.errors import SettingsError
from pipelines.target.errors import Interrupted, Refused, TargetError, Unreachable, sentence_of
from pipelines.target.interface import Body, Pieces

CHUNK = 65536


class HttpTarget:
    """`POST /invocations` at a URL.

    Args:
        url: `http://host:port`, as `keepwarm serve` prints it.
        stall_s: an answer without a byte for so long has failed.

    Raises:
        SettingsError: it is no such URL.
    """

    def __init__(self, url: str, *, stall_s: float = 120.0) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise SettingsError(f"the endpoint must be http://host:port, got {url!r}")
        secure = parts.scheme == "https"
        self._connection = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        self._host, self._port = parts.hostname, parts.port or (443 if secure else 80)
        self._path = parts.path.rstrip("/") + "/invocations"
        self._stall_s = stall_s
        self._name = f"{parts.scheme}://{parts.netloc}"

    @property
    def name(self) -> str:
        """The URL."""
        return self._name

    def invoke(self, body: Body) -> dict[str, Any]:
        """The whole answer; see `Target`."""
        with self._posted(body) as response:
            content = response.read()
        return json_object(content)

    def stream(self, body: Body) -> Pieces:
        """Bytes as they arrive; see `Target`."""
        with self._posted(body) as response:
            while piece := response.read1(CHUNK):
                yield piece

    @contextmanager
    def _posted(self, body: Body) -> Iterator[http.client.HTTPResponse]:
        """The answer's beginning; what fails later is an answer that broke off."""
        connection = self._connection(self._host, self._port, timeout=self._stall_s)
        try:
            try:
                connection.request("POST", self._path, json.dumps(body).encode(), _HEADERS)
                response = connection.getresponse()
            except (OSError, http.client.HTTPException) as error:
                raise Unreachable(f"{self.name} does not answer: {_why(error)}") from error
            try:
                if response.status != http.client.OK:
                    raise Refused(response.status, sentence_of(response.read()))
                yield response
            except (OSError, http.client.HTTPException) as error:
                raise Interrupted(f"{self.name} broke the answer off: {_why(error)}") from error
        finally:
            connection.close()


_HEADERS = {"Content-Type": "application/json", "Accept-Encoding": "identity"}


def json_object(content: bytes) -> dict[str, Any]:
    """An answer as data.

    Raises:
        TargetError: it is no JSON object.
    """
    try:
        answer = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise TargetError(f"the endpoint's answer is no JSON: {error}") from error
    if not isinstance(answer, dict):
        raise TargetError(f"the endpoint answered with a JSON {type(answer).__name__}, no object")
    return answer


def _why(error: Exception) -> str:
    return str(error) or type(error).__name__
