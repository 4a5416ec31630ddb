"""A proxy on loopback that makes a server slow: every streamed answer begins later."""

from __future__ import annotations

import http.client
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


class DelayingProxy(ThreadingHTTPServer):
    """Passes requests on to `url`, streamed ones after `delay_s`; serves while its block runs."""

    daemon_threads = True

    def __init__(self, url: str, delay_s: float) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.origin = urlsplit(url).netloc
        self.delay_s = delay_s

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def __enter__(self) -> DelayingProxy:
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: DelayingProxy

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if json.loads(body).get("stream"):
            time.sleep(self.server.delay_s)
        connection = http.client.HTTPConnection(self.server.origin, timeout=60)
        try:
            connection.request("POST", self.path, body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            self.send_response(response.status)  # HTTP/1.0: the answer ends with the connection
            self.end_headers()
            while piece := response.read1(65536):
                self.wfile.write(piece)
        finally:
            connection.close()

    def log_message(self, format: str, *args: object) -> None:
        pass
