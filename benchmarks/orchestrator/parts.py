"""The parts that the orchestrator works with, on one machine: Redis, stores, a container."""

from __future__ import annotations

import hashlib
import json
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from benchmarks.errors import PeerFailed
from local.ministack import client, ministack
from orchestrator_lambda.history import schema

TABLE, STREAM = "keepwarm", "keepwarm-events"
ANSWER = "A short answer of eight words or so."
READY_WITHIN_S = 20.0


@dataclass(frozen=True)
class Parts:
    """Where everything is."""

    stores: str
    redis: str
    container: str

    @property
    def environment(self) -> dict[str, str]:
        """The function's variables."""
        backends = [{"kind": "fleet", "name": "container", "url": self.container}]
        return {
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": ":".join(path for path in sys.path if path),
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": self.stores,
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "KEEPWARM_ENV": "local",
            "KEEPWARM_IDENTITY": "local",
            "KEEPWARM_TABLE": TABLE,
            "KEEPWARM_STREAM": STREAM,
            "KEEPWARM_REDIS_URL": self.redis,
            "KEEPWARM_BACKENDS": json.dumps(backends),
            "KEEPWARM_RATE_BURST": "0",
            "KEEPWARM_TITLES": "false",
        }


class InstantContainer(ThreadingHTTPServer):
    """Answers at once and always the same: what is left is the orchestrator's own time."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: object, client_address: object) -> None:
        """Nothing: a pool's connections end with their process."""

    def __enter__(self) -> InstantContainer:
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        """One chat completion, as the container streams it."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for chunk in (_text_chunk(), _receipt_chunk()):
            self._send(f"data: {json.dumps(chunk)}\n\n".encode())
        self._send(b"data: [DONE]\n\n")
        self._send(b"")

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""

    def _send(self, data: bytes) -> None:
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()


def _text_chunk() -> dict[str, Any]:
    choice = {"index": 0, "delta": {"content": ANSWER}, "finish_reason": None}
    return {"object": "chat.completion.chunk", "choices": [choice]}


def _receipt_chunk() -> dict[str, Any]:
    usage = {
        "prompt_tokens": 100,
        "completion_tokens": 8,
        "total_tokens": 108,
        "prompt_tokens_details": {"cached_tokens": 80},
    }
    receipt = {
        "instance": "bench",
        "finish_reason": "stop",
        "usage": usage,
        "sha256": hashlib.sha256(ANSWER.encode()).hexdigest(),
    }
    return {"object": "chat.completion.chunk", "choices": [], "receipt": receipt}


@contextmanager
def running_parts() -> Iterator[Parts]:
    """All parts while the block runs.

    Raises:
        PeerFailed: redis-server or the stores' emulator is not on this machine.
    """
    with ministack() as stores, _redis() as redis, InstantContainer() as container:
        client("dynamodb", stores).create_table(**schema.table_definition(TABLE))
        client("kinesis", stores).create_stream(StreamName=STREAM, ShardCount=1)
        yield Parts(stores, redis, container.url)


@contextmanager
def _redis() -> Iterator[str]:
    command = shutil.which("redis-server")
    if command is None:
        raise PeerFailed("redis-server is not installed; apt-get install redis-server")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [command, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"],
        stdout=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + READY_WITHIN_S
        while not _listens(port) and time.monotonic() < deadline:
            time.sleep(0.02)
        yield f"redis://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
