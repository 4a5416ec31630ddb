"""One HTTP connection of a runtime to its Runtime API."""

from __future__ import annotations

import json
import logging
import re
from base64 import b64decode
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, BinaryIO, cast

from local.chunked_body import ChunkedBody
from local.lambda_invocation import Begun, Completed, Failed, Invocation, Piece

if TYPE_CHECKING:
    from local.lambda_runtime_api import RuntimeApi

BUFFERED_LIMIT = 6 * 1024 * 1024
VERSION = "/2018-06-01/runtime"
MODE = "Lambda-Runtime-Function-Response-Mode"
ERROR_TYPE = "Lambda-Runtime-Function-Error-Type"
ERROR_BODY = "Lambda-Runtime-Function-Error-Body"

log = logging.getLogger(__name__)

_ABOUT_ONE = re.compile(rf"{VERSION}/invocation/([^/]+)/(response|error)")


class _Dropped(Exception):
    """The test's wish: the API goes away in the middle of an answer."""


class RuntimeApiHandler(BaseHTTPRequestHandler):
    """Answers the API's calls; the server that owns it holds the environment's state."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    @property
    def api(self) -> RuntimeApi:
        """The server that this connection came to."""
        return cast("RuntimeApi", self.server)

    def do_GET(self) -> None:
        """The two calls that wait."""
        if self.path == f"{VERSION}/invocation/next":
            self._next()
        elif self.path == f"{VERSION}/restore/next":
            self.api.restored.wait()
            self._reply(200)
        else:
            self._refuse(404, "ResourceNotFound", "no such call")

    def do_POST(self) -> None:
        """Answers and errors."""
        about = _ABOUT_ONE.fullmatch(self.path)
        if about:
            self._about_invocation(about[1], about[2])
        elif self.path in (f"{VERSION}/init/error", f"{VERSION}/restore/error"):
            self._environment_error()
        else:
            self._refuse(404, "ResourceNotFound", "no such call")

    def log_message(self, format: str, *args: object) -> None:
        """Calls go to the logger, at debug level."""
        log.debug(format, *args)

    def _next(self) -> None:
        if self.api.owes_answer():
            self._refuse(403, "InvalidStateTransition", "the last invocation has no answer yet")
            return
        invocation = self.api.take()
        if invocation is None:
            self.close_connection = True
            return
        headers = {
            "Lambda-Runtime-Aws-Request-Id": invocation.request_id,
            "Lambda-Runtime-Deadline-Ms": str(invocation.dispatched()),
            "Lambda-Runtime-Invoked-Function-Arn": self.api.arn,
            "Lambda-Runtime-Trace-Id": invocation.trace_id,
        }
        self._reply(200, invocation.payload, headers)

    def _about_invocation(self, request_id: str, call: str) -> None:
        invocation = self.api.current
        if invocation is None or invocation.request_id != request_id:
            self._discard()
            self._refuse(400, "InvalidRequestID", "the invocation is not this environment's")
        elif invocation.answered:
            self._discard()
            self._refuse(403, "InvalidStateTransition", "the invocation has its answer")
        elif call == "error":
            invocation.note(self._failure(b"".join(self._body())))
            self._reply(202)
        else:
            self._response(invocation)

    def _response(self, invocation: Invocation) -> None:
        streaming = self.headers.get(MODE, "").lower() == "streaming"
        try:
            if streaming:
                self._streamed(invocation)
            elif not self._whole(invocation):
                return
        except _Dropped:
            invocation.note(Failed("Sandbox.Dropped", "the connection was cut on purpose"))
            self.close_connection = True
            self.connection.close()
            return
        except (ValueError, OSError):
            invocation.note(Failed("Runtime.TruncatedResponse", "the runtime cut its answer short"))
            self.close_connection = True
            return
        self._reply(202)

    def _streamed(self, invocation: Invocation) -> None:
        content_type = self.headers.get("Content-Type", "")
        invocation.note(Begun(streaming=True, content_type=content_type))
        body = ChunkedBody(cast(BinaryIO, self.rfile))
        for data in self._until_dropped(body):
            invocation.note(Piece(data))
        error_type = body.trailers.get(ERROR_TYPE.lower())
        if error_type is None:
            invocation.note(Completed())
        else:
            error_body = b64decode(body.trailers.get(ERROR_BODY.lower(), ""))
            invocation.note(_failure_of(error_type, error_body))

    def _whole(self, invocation: Invocation) -> bool:
        data = b"".join(self._until_dropped(self._body()))
        if len(data) > BUFFERED_LIMIT:
            self._refuse(413, "RequestEntityTooLarge", "the answer is over 6 MB")
            return False
        invocation.note(Begun(False, self.headers.get("Content-Type", "")))
        invocation.note(Piece(data))
        invocation.note(Completed())
        return True

    def _until_dropped(self, body: ChunkedBody | Iterator[bytes]) -> Iterator[bytes]:
        seen = 0
        for data in body:
            seen += len(data)
            yield data
            limit = self.api.drop_response_after
            if limit is not None and seen >= limit:
                self.api.drop_response_after = None
                raise _Dropped

    def _environment_error(self) -> None:
        failure = self._failure(b"".join(self._body()))
        self.api.init_error = failure
        self._reply(202)

    def _failure(self, body: bytes) -> Failed:
        return _failure_of(self.headers.get(ERROR_TYPE), body)

    def _body(self) -> Iterator[bytes]:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            yield from ChunkedBody(cast(BinaryIO, self.rfile))
            return
        length = self.headers.get("Content-Length", "0")
        yield self.rfile.read(int(length) if length.isdecimal() else 0)

    def _discard(self) -> None:
        for _ in self._body():
            pass

    def _refuse(self, status: int, error_type: str, message: str) -> None:
        content = {"errorType": error_type, "errorMessage": message}
        self._reply(status, json.dumps(content).encode())

    def _reply(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Type": "application/json"}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _failure_of(error_type: str | None, body: bytes) -> Failed:
    """A failure as a runtime reports it: a type in a header, a JSON object with a message."""
    try:
        content = json.loads(body)
        message = str(content.get("errorMessage", ""))
        named = str(content.get("errorType", ""))
    except (ValueError, AttributeError):
        message, named = "", ""
    return Failed(error_type or named or "Function.Unknown", message)
