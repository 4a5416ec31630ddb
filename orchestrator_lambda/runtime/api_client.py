"""The Lambda Runtime API as its client sees it, over one kept connection.

The connection is made anew after anything that leaves it in doubt; no call waits for a time of its
own, as the environment may be frozen in the middle of any of them.
"""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from orchestrator_lambda.runtime.stream import ResponseStream

VERSION = "/2018-06-01/runtime"
ERROR_TYPE = "Lambda-Runtime-Function-Error-Type"
STALL_SECONDS = 60.0  # a piece of an answer that nobody takes for so long has no reader


class RuntimeApiError(Exception):
    """The Runtime API refused a call, or cannot be reached; names the call and the status."""


@dataclass(frozen=True)
class Work:
    """One invocation as the API hands it out; header names in lower case."""

    headers: Mapping[str, str]
    payload: bytes

    @property
    def request_id(self) -> str:
        """AWS's name of the invocation, which all calls about it carry."""
        return self.headers.get("lambda-runtime-aws-request-id", "")

    @property
    def trace_id(self) -> str:
        """X-Ray's header value; empty where tracing is off."""
        return self.headers.get("lambda-runtime-trace-id", "")

    @property
    def deadline_ms(self) -> int | None:
        """Unix milliseconds at which Lambda ends the invocation."""
        text = self.headers.get("lambda-runtime-deadline-ms", "")
        return int(text) if text.isdecimal() else None


class RuntimeClient:
    """One environment's calls; not for several threads."""

    def __init__(self, address: str) -> None:
        self._connection = http.client.HTTPConnection(address)

    def next(self, ready: Callable[[socket.socket], bool]) -> Work | None:
        """Wait for the next invocation.

        Args:
            ready: waits until the connection has something to read; False: stop waiting.

        Raises:
            RuntimeApiError: the API answers with an error, or not at all.
        """
        try:
            return self._next(ready)
        except (OSError, http.client.HTTPException):
            self.close()
        try:  # a kept connection may have died since it was last used
            return self._next(ready)
        except (OSError, http.client.HTTPException) as error:
            raise RuntimeApiError(f"next: {type(error).__name__}") from error

    def _next(self, ready: Callable[[socket.socket], bool]) -> Work | None:
        self._connection.request("GET", f"{VERSION}/invocation/next")
        if not ready(self._connection.sock):
            self.close()
            return None
        answer = self._connection.getresponse()
        payload = answer.read()
        if answer.status != 200:
            raise RuntimeApiError(f"next: status {answer.status}")
        return Work({name.lower(): value for name, value in answer.getheaders()}, payload)

    def post_response(self, request_id: str, body: bytes) -> None:
        """Send a whole answer.

        Raises:
            RuntimeApiError: it was not taken.
        """
        self._post(f"/invocation/{request_id}/response", body, {})

    def post_error(self, request_id: str, error_type: str, message: str) -> None:
        """Say that an invocation failed. Raises RuntimeApiError."""
        self._post_error(f"/invocation/{request_id}/error", error_type, message)

    def post_init_error(self, error_type: str, message: str) -> None:
        """Say that the environment cannot be used. Raises RuntimeApiError."""
        self._post_error("/init/error", error_type, message)

    def open_stream(self, request_id: str, content_type: str) -> ResponseStream:
        """Begin a streamed answer.

        Raises:
            OSError: the API cannot be reached.
        """
        path = f"{VERSION}/invocation/{request_id}/response"
        return ResponseStream(self._connection, path, content_type, STALL_SECONDS)

    def restore_next(self) -> None:
        """Let the snapshot be taken; returns in an environment restored from it.

        Raises:
            RuntimeApiError: the API answers with an error, or not at all.
        """
        self._call("GET", "/restore/next", None, {})

    def post_restore_error(self, error_type: str, message: str) -> None:
        """Say that the restored environment cannot be used. Raises RuntimeApiError."""
        self._post_error("/restore/error", error_type, message)

    def close(self) -> None:
        """Close the connection; the next call makes another."""
        self._connection.close()

    def _post_error(self, path: str, error_type: str, message: str) -> None:
        self._post(path, error_body(error_type, message), {ERROR_TYPE: error_type})

    def _post(self, path: str, body: bytes, headers: Mapping[str, str]) -> None:
        self._call("POST", path, body, {"Content-Type": "application/json", **headers})

    def _call(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> None:
        try:
            self._connection.request(method, f"{VERSION}{path}", body, dict(headers))
            answer = self._connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise RuntimeApiError(f"{path}: {type(error).__name__}") from error
        if not 200 <= answer.status < 300:
            raise RuntimeApiError(f"{path}: status {answer.status}")


def error_body(error_type: str, message: str) -> bytes:
    """An error as Lambda writes it; the message is a constant of ours, and no trace goes along."""
    return json.dumps({"errorMessage": message, "errorType": error_type, "stackTrace": []}).encode()
