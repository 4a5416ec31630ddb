"""Stands between the orchestrator and the stores' emulator, and is unkind by chance.

refused     throttled, or failed: the call does not reach the store
lost        the call is done and its answer is not delivered
"""

from __future__ import annotations

import http.client
import json
import random
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

REFUSALS = {
    "DynamoDB": ("ProvisionedThroughputExceededException", "InternalServerError"),
    "Kinesis": ("ProvisionedThroughputExceededException", "InternalFailure"),
}


class FaultyProxy(ThreadingHTTPServer):
    """Passes requests on to `target` while its block runs.

    Args:
        chance: that a call goes wrong, from 0 to 1; may be changed at any time.
    """

    daemon_threads = True

    def __init__(self, target: str, seed: int, chance: float) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        parts = urlsplit(target)
        self.target = (parts.hostname or "", parts.port or 80)
        self.random = random.Random(seed)
        self.chance = chance
        self.faults: dict[str, int] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def fault(self) -> str | None:
        """refused, lost, or none."""
        drawn = self.random.random()
        if drawn >= self.chance:
            return None
        name = "lost" if drawn < self.chance / 4 else "refused"
        self.faults[name] = self.faults.get(name, 0) + 1
        return name

    def handle_error(self, request: object, client_address: object) -> None:
        """Nothing: callers that are killed leave broken connections behind."""

    def __enter__(self) -> FaultyProxy:
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FaultyProxy

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        service = self.headers.get("X-Amz-Target", "").partition("_")[0]
        fault = self.server.fault() if service in REFUSALS else None
        if fault == "refused":
            return self._refuse(service)
        status, headers, data = self._forward(body)
        if fault == "lost":
            self.close_connection = True
            self.connection.close()
            return
        self._send(status, headers, data)

    do_GET = do_PUT = do_DELETE = do_HEAD = do_POST

    def _refuse(self, service: str) -> None:
        name = self.server.random.choice(REFUSALS[service])
        status = 500 if name.startswith("Internal") else 400
        data = json.dumps({"__type": f"com.amazonaws#{name}", "message": "later"}).encode()
        self._send(status, [("Content-Type", "application/x-amz-json-1.0")], data)

    def _forward(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = http.client.HTTPConnection(*self.server.target, timeout=30)
        try:
            connection.request(self.command, self.path, body, dict(self.headers))
            response = connection.getresponse()
            return response.status, response.getheaders(), response.read()
        finally:
            connection.close()

    def _send(self, status: int, headers: list[tuple[str, str]], data: bytes) -> None:
        self.send_response(status)
        for name, value in headers:
            if name.lower() not in ("content-length", "connection", "transfer-encoding", "date"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: thousands of calls pass."""
