"""What an Application Load Balancer does with `lb_cookie` stickiness, on the loopback."""

from __future__ import annotations

import contextlib
import http.client
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

STICKY_S = 3600.0
OWN_HEADERS = frozenset({"connection", "content-length", "transfer-encoding", "date", "server"})


class FakeBalancer(ThreadingHTTPServer):
    """Passes requests on to targets; serves while its block runs.

    A cookie leads to its target while it is young and the target is not known to be ill; every
    answer of a target brings a new one. Other requests go where the fewest are, among equals to
    whom none was sent for the longest: so without its cookie a second turn goes elsewhere.

    Attributes:
        unhealthy: targets that failed their health checks.
        cookies: the `Cookie` header of each request that came.
    """

    daemon_threads = True

    def __init__(self, *targets: str, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.unhealthy: set[str] = set()
        self.cookies: list[str | None] = []
        self._targets = list(targets)
        self._clock = clock
        self._lock = threading.Lock()
        self._in_flight: Counter[str] = Counter()
        self._pins: dict[str, tuple[str, float]] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def __enter__(self) -> FakeBalancer:
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.shutdown()
        self.server_close()

    @contextlib.contextmanager
    def chosen(self, cookie: str | None) -> Iterator[str | None]:
        """The target of a request, counted while the block runs; None where none is healthy."""
        with self._lock:
            self.cookies.append(cookie)
            target = self._target(cookie)
            if target is not None:
                self._in_flight[target] += 1
                self._targets.remove(target)
                self._targets.append(target)
        try:
            yield target
        finally:
            with self._lock:
                self._in_flight[target or ""] -= 1

    def pin(self, target: str) -> str:
        """A new cookie's value, which leads to that target."""
        value = secrets.token_urlsafe(96) + "+/="
        with self._lock:
            self._pins[value] = (target, self._clock() + STICKY_S)
        return value

    def _target(self, cookie: str | None) -> str | None:
        healthy = [target for target in self._targets if target not in self.unhealthy]
        values = dict(pair.split("=", 1) for pair in (cookie or "").split("; ") if pair)
        pinned, until = self._pins.get(values.get("AWSALB", ""), ("", 0.0))
        if pinned in healthy and self._clock() < until:
            return pinned
        return min(healthy, key=lambda target: self._in_flight[target], default=None)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FakeBalancer

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with self.server.chosen(self.headers.get("Cookie")) as target:
            if target is None:
                self._own(503)
                return
            connection = http.client.HTTPConnection(urlsplit(target).netloc, timeout=20)
            with contextlib.closing(connection):
                self._pass_on(connection, target, body)

    def _pass_on(self, connection: http.client.HTTPConnection, target: str, body: bytes) -> None:
        try:
            connection.request("POST", self.path, body, dict(self.headers))
            answer = connection.getresponse()
        except (http.client.HTTPException, OSError):
            self._own(502)
            return
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in OWN_HEADERS:
                self.send_header(name, value)
        value = self.server.pin(target)
        self.send_header("Set-Cookie", f"AWSALB={value}; Expires=Wed, 02 Dec 2026 07:28:00 GMT")
        self.send_header("Set-Cookie", f"AWSALBCORS={value}; SameSite=None; Secure")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            while piece := answer.read1(65536):
                self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            self.wfile.write(b"0\r\n\r\n")
        except (http.client.HTTPException, OSError, ValueError):
            self.close_connection = True  # one end is gone, so the other is let go

    def _own(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass
