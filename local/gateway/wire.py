"""HTTP/1.1 on the client's side of the gateway: requests read with their limits, answers written.

The standard library's threaded server: a thread for each connection suits streams that last for
minutes, and the socket stays within reach, which faults such as a reset need.
"""

from __future__ import annotations

import contextlib
import json
import logging
import re
import socket
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import BinaryIO, cast
from urllib.parse import urlsplit

from local.chunked_body import ChunkedBody, ChunkedBodyError
from local.gateway.call import Silence
from local.gateway.faults import CutOff
from local.gateway.headers import added_to_answers, fit_for_http
from local.lambda_answer import StreamBroken

CLIENT_SILENCE_S = 75.0
LINGER_S, LINGER_BYTES = 0.5, 64 * 1024 * 1024
BODILESS = frozenset({204, 304})
MESSAGES = {
    413: "HTTP content length exceeded {limit} bytes.",
    429: "Too Many Requests",
    500: "Internal server error",
    502: "Internal server error",
    503: "Service Unavailable",
    504: "Endpoint request timed out",
}
_LOOPBACK_HOST = re.compile(r"(localhost|[\w-]+\.localhost|127(\.\d+){3}|\[::1\])(:\d{1,5})?")

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Incoming:
    """A request as the client sent it; path and query are encoded still."""

    method: str
    path: str
    query: str
    headers: list[tuple[str, str]]
    body: bytes
    client: str

    def header(self, name: str) -> str:
        """The last value of a header; empty where there is none."""
        values = [value for key, value in self.headers if key.lower() == name]
        return values[-1] if values else ""


@dataclass(frozen=True)
class Outgoing:
    """An answer: whole where `body` is bytes, a stream otherwise."""

    status: int
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes | Iterator[bytes] = b""


class Refused(Exception):
    """The request is answered here and now, and the connection may not be used again."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.answer = edge_error(status, message)


def edge_error(status: int, message: str = "") -> Outgoing:
    """An error in API Gateway's form."""
    return json_answer(
        status, {"message": message or MESSAGES.get(status, "Internal server error")}
    )


def json_answer(status: int, content: object) -> Outgoing:
    """A small answer of the gateway's own."""
    headers = [("Content-Type", "application/json"), ("Cache-Control", "no-store")]
    return Outgoing(status, headers, json.dumps(content).encode())


class GatewayConnection(BaseHTTPRequestHandler):
    """One connection of a client. Subclasses say what the answer is."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = CLIENT_SILENCE_S

    def respond(self, incoming: Incoming) -> Outgoing:
        """The answer to a request."""
        raise NotImplementedError

    @property
    def body_limit(self) -> int:
        """Bytes of a body that are taken."""
        raise NotImplementedError

    def serve(self) -> None:
        """Read one request and answer it."""
        try:
            incoming = self._read()
        except Refused as refused:
            self.close_connection = True
            self._write("", refused.answer)
            self._linger()
            return
        try:
            answer = self.respond(incoming)
        except Exception as error:  # a fault of the gateway's own is an answer too
            log.exception("the gateway failed on %s", incoming.method, exc_info=error)
            answer = edge_error(500)
        if not isinstance(answer.body, bytes) or fit_for_http(answer.headers):
            self._write(incoming.method, answer)
        else:
            self._write(incoming.method, edge_error(502))

    do_DELETE = do_GET = do_HEAD = do_OPTIONS = do_PATCH = do_POST = do_PUT = serve

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the base class refuses by itself: malformed requests and unknown methods."""
        self.close_connection = True
        if self.request_version == "HTTP/0.9":  # a line that is no request is taken for one of it
            self.request_version = "HTTP/1.0"
        status = 405 if code == 501 else code
        self._write(self.command or "", edge_error(status, message or "Bad request"))

    def log_message(self, format: str, *args: object) -> None:
        """Requests go to the logger, at debug level."""
        log.debug(format, *args)

    def _read(self) -> Incoming:
        headers = [(name, value.strip()) for name, value in self.headers.items()]
        self._check_host()
        target = urlsplit(self.path) if self.path.startswith("http") else None
        path, _, query = (self.path if target is None else _origin_form(self.path)).partition("?")
        if not path.startswith("/"):
            raise Refused(400, "the path must begin with /")
        return Incoming(
            method=self.command,
            path=path,
            query=query.partition("#")[0],
            headers=headers,
            body=self._body(),
            client=str(self.client_address[0]),
        )

    def _check_host(self) -> None:
        """A name of this machine: a page elsewhere cannot lead a browser here by a name of its own.

        Raises:
            Refused: there is no Host header, or it names something else.
        """
        hosts = self.headers.get_all("Host") or []
        if len(hosts) > 1 or (not hosts and self.request_version == "HTTP/1.1"):
            raise Refused(400, "one Host header is needed")
        if hosts and not _LOOPBACK_HOST.fullmatch(hosts[0].strip().lower()):
            raise Refused(403, "this server answers to 127.0.0.1 and localhost only")

    def _body(self) -> bytes:
        lengths = self.headers.get_all("Content-Length") or []
        coding = (self.headers.get("Transfer-Encoding") or "").strip().lower()
        if coding and (lengths or coding != "chunked"):
            raise Refused(400, "the body must have a length, or be chunked, and not both")
        try:
            return self._chunked() if coding else self._of_length(lengths)
        except (ChunkedBodyError, TimeoutError, ConnectionError):
            raise Refused(400, "the body ended before its end") from None

    def _of_length(self, lengths: list[str]) -> bytes:
        if not lengths:
            return b""
        if len(set(lengths)) > 1 or not re.fullmatch(r"[0-9]{1,15}", lengths[0].strip()):
            raise Refused(400, "Content-Length must be one number")
        length = int(lengths[0])
        self._check_size(length)
        data = self.rfile.read(length)
        if len(data) < length:
            raise Refused(400, "the body ended before its end")
        return data

    def _chunked(self) -> bytes:
        data = bytearray()
        for piece in ChunkedBody(cast(BinaryIO, self.rfile)):
            data += piece
            self._check_size(len(data))
        return bytes(data)

    def _check_size(self, size: int) -> None:
        if size > self.body_limit:
            raise Refused(413, MESSAGES[413].format(limit=self.body_limit))

    def _write(self, method: str, answer: Outgoing) -> None:
        """Send an answer; a client that has gone is no news."""
        whole = isinstance(answer.body, bytes)
        silent = method == "HEAD" or answer.status in BODILESS
        try:
            self._write_head(answer, silent=silent)
            if not silent:
                self._write_body(answer.body)
        except (StreamBroken, Silence) as error:
            log.info("a stream broke off: %s", type(error).__name__)
            self.close_connection = True
        except CutOff as cut:
            self._cut(cut.reset)
        except OSError:
            self.close_connection = True
        finally:
            if not whole:
                cast("Iterator[bytes]", answer.body).close()  # type: ignore[attr-defined]

    def _write_head(self, answer: Outgoing, *, silent: bool) -> None:
        self.send_response_only(answer.status)
        named = {name.lower() for name, _ in answer.headers}
        added = [] if "x-amz-cf-id" in named else added_to_answers()
        for name, value in [*answer.headers, *added]:
            self.send_header(name, value)
        if isinstance(answer.body, bytes):
            if answer.status not in BODILESS:
                self.send_header("Content-Length", str(len(answer.body)))
        elif not silent and self.request_version == "HTTP/1.1":
            self.send_header("Transfer-Encoding", "chunked")
        elif not silent:
            self.close_connection = True
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()

    def _write_body(self, body: bytes | Iterable[bytes]) -> None:
        if isinstance(body, bytes):
            self.wfile.write(body)
            return
        chunked = self.request_version == "HTTP/1.1"
        for piece in body:
            if piece:
                self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
        if chunked:
            self.wfile.write(b"0\r\n\r\n")

    def _cut(self, reset: bool) -> None:
        self.close_connection = True
        if reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()

    def _linger(self) -> None:
        """Take what a refused client still sends: a reset would reach it before the answer does."""
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
            self.connection.settimeout(LINGER_S)
            left = LINGER_BYTES
            while left > 0 and (data := self.connection.recv(1 << 16)):
                left -= len(data)


def _origin_form(target: str) -> str:
    """The path and query of an absolute target, as clients of proxies send it."""
    parts = urlsplit(target)
    return f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
