"""One HTTP connection to the stand-in: the runtime API's two calls, plain and streaming."""

from __future__ import annotations

import logging
import re
import select
import socket
import time
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, cast

from local import event_stream, sagemaker_errors, sagemaker_headers
from local.container_call import Broken, Chunk, ContainerCall, End, Head, Unreachable
from local.recut import Recutter
from local.sagemaker_errors import PlatformError

if TYPE_CHECKING:
    from local.sagemaker_runtime import SageMakerRuntime

log = logging.getLogger(__name__)

_ROUTE = re.compile(r"/endpoints/([^/?]+)/(invocations|invocations-response-stream)")
_ENDPOINT_NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9])*")
_DISCARD_LIMIT = 64 * 1024 * 1024
_TIMED_OUT = "Your invocation timed out while waiting for a response from the container."


class RuntimeHandler(BaseHTTPRequestHandler):
    """Answers the API's calls; the server that owns it holds settings and container."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    @property
    def runtime(self) -> SageMakerRuntime:
        """The server that this connection came to."""
        return cast("SageMakerRuntime", self.server)

    def do_POST(self) -> None:
        """Route a call; whatever goes wrong before the answer begins becomes one error body."""
        self._started = False
        try:
            self._dispatch()
        except PlatformError as error:
            self._send_error(error)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        except Exception:
            log.exception("the stand-in failed")
            self.close_connection = True
            if not self._started:
                self._send_error(sagemaker_errors.internal_failure())

    def do_GET(self) -> None:
        """The API has no GET."""
        self._send_error(PlatformError(404, "UnknownOperationException", "No such operation."))

    def log_message(self, format: str, *args: object) -> None:
        """Requests go to the logger, at debug level."""
        log.debug(format, *args)

    def _dispatch(self) -> None:
        body = self._read_body()
        match = _ROUTE.fullmatch(self.path)
        if match is None:
            raise PlatformError(404, "UnknownOperationException", "No such operation.")
        endpoint, operation = match.groups()
        self._check_endpoint(endpoint)
        streaming = operation == "invocations-response-stream"
        headers = sagemaker_headers.to_container(dict(self.headers.items()), streaming=streaming)
        self.runtime.raise_injected_fault()
        self.runtime.require_ready()
        with self.runtime.invoke_container(headers, body) as call:
            if streaming:
                self._answer_streaming(call, endpoint)
            else:
                self._answer_plain(call, endpoint)

    def _check_endpoint(self, name: str) -> None:
        only = self.runtime.settings.endpoint_name
        if len(name) > 63 or not _ENDPOINT_NAME.fullmatch(name):
            raise sagemaker_errors.validation_error(f"{name!r} is no endpoint name.")
        if only is not None and name != only:
            raise sagemaker_errors.validation_error(f"Endpoint {name} not found.")

    def _read_body(self) -> bytes:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal():
            self.close_connection = True
            raise PlatformError(411, None, "The request must have a Content-Length.")
        limit = self.runtime.settings.payload_limit
        if int(length) > limit:
            self._discard(int(length))
            raise sagemaker_errors.payload_too_large(limit)
        return self.rfile.read(int(length))

    def _discard(self, length: int) -> None:
        """Read an unwanted body, so that the client gets to see the answer."""
        self.close_connection = True
        left = min(length, _DISCARD_LIMIT)
        while left > 0 and (data := self.rfile.read(min(left, 1 << 20))):
            left -= len(data)

    def _answer_plain(self, call: ContainerCall, endpoint: str) -> None:
        deadline = time.monotonic() + self.runtime.settings.invoke_timeout_s
        head = self._await_head(call, endpoint, deadline)
        body = self._await_body(call, endpoint, deadline)
        if head.status >= 400:
            raise _model_error(endpoint, head.status, body)
        headers = sagemaker_headers.to_client(head.headers, streaming=False)
        self._send_head(200, {**headers, "Content-Length": str(len(body))})
        self.wfile.write(body)

    def _answer_streaming(self, call: ContainerCall, endpoint: str) -> None:
        deadline = time.monotonic() + self.runtime.settings.stream_timeout_s
        head = self._await_head(call, endpoint, deadline)
        if head.status >= 400:
            body = self._await_body(call, endpoint, deadline)
            raise _model_error(endpoint, head.status, body)
        headers = sagemaker_headers.to_client(head.headers, streaming=True)
        headers["Content-Type"] = event_stream.CONTENT_TYPE
        self._send_head(200, {**headers, "Transfer-Encoding": "chunked"})
        self._relay(call, deadline)

    def _relay(self, call: ContainerCall, deadline: float) -> None:
        """Pass the stream on, re-cut, until it ends, breaks or lasts too long."""
        recutter = Recutter(self.runtime.next_stream_seed())
        pause = self.runtime.settings.flush_after_s
        while True:
            event = call.next_event(min(pause, deadline - time.monotonic()))
            if isinstance(event, Chunk):
                self._send_parts(recutter.feed(event.data))
            else:
                self._send_parts(recutter.flush())
            if isinstance(event, End):
                break
            if isinstance(event, Broken | Unreachable):
                self._send_stream_error("StreamBroken", "The container broke the stream off.")
                break
            if time.monotonic() >= deadline:
                self._send_stream_error("ModelInvocationTimeExceeded", _TIMED_OUT)
                break
            if event is None and self._client_has_gone():
                self.close_connection = True
                return
        self._write_chunk(b"")

    def _await_head(self, call: ContainerCall, endpoint: str, deadline: float) -> Head:
        while True:
            match call.next_event(min(0.25, deadline - time.monotonic())):
                case Head() as head:
                    return head
                case Unreachable():
                    raise sagemaker_errors.service_unavailable()
                case None if self._client_has_gone():
                    raise ConnectionResetError
                case None if time.monotonic() < deadline:
                    continue
                case None:
                    raise sagemaker_errors.model_error(endpoint, 0, _TIMED_OUT)
                case _:
                    raise sagemaker_errors.model_error(endpoint, 0, "The container hung up.")

    def _await_body(self, call: ContainerCall, endpoint: str, deadline: float) -> bytes:
        chunks = []
        while True:
            match call.next_event(deadline - time.monotonic()):
                case Chunk(data):
                    chunks.append(data)
                case End():
                    return b"".join(chunks)
                case None:
                    raise sagemaker_errors.model_error(endpoint, 0, _TIMED_OUT)
                case _:
                    raise sagemaker_errors.model_error(endpoint, 0, "The container hung up.")

    def _client_has_gone(self) -> bool:
        readable, _, _ = select.select([self.connection], [], [], 0)
        return bool(readable) and self.connection.recv(1, socket.MSG_PEEK) == b""

    def _send_head(self, status: int, headers: dict[str, str]) -> None:
        self._started = True
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def _send_error(self, error: PlatformError) -> None:
        body = error.body()
        headers = {"Content-Type": "application/json", "Content-Length": str(len(body))}
        if error.error_type is not None:
            headers["x-amzn-ErrorType"] = error.error_type
        if self.close_connection:
            headers["Connection"] = "close"
        self._send_head(error.status, headers)
        self.wfile.write(body)

    def _send_parts(self, pieces: list[bytes]) -> None:
        for piece in pieces:
            self._write_chunk(event_stream.payload_part(piece))

    def _send_stream_error(self, code: str, message: str) -> None:
        # The code leads the message too: botocore shows its callers the message alone.
        text = f"{code}: {message}"
        self._write_chunk(event_stream.stream_exception("ModelStreamError", text, code))

    def _write_chunk(self, data: bytes) -> None:
        """One HTTP chunk; an empty one ends the answer."""
        self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))


def _model_error(endpoint: str, status: int, body: bytes) -> PlatformError:
    return sagemaker_errors.model_error(endpoint, status, body.decode("utf-8", "replace"))
