"""A real redis-server on a free port of the loopback address."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis

READY_WITHIN_S = 20.0


class RedisServer:
    """One server that can be killed and started again; it keeps nothing.

    Args:
        folder: for its own files.
        options: further ones of redis-server's command line.
    """

    def __init__(self, folder: Path, *options: str, scheme: str = "redis") -> None:
        command = shutil.which("redis-server")
        assert command, "redis-server is not installed; apt-get install redis-server"
        self.port = free_port()
        self.url = f"{scheme}://127.0.0.1:{self.port}"
        port = ["--port", "0", "--tls-port"] if scheme == "rediss" else ["--port"]
        self._command = [
            *(command, *port, str(self.port), "--bind", "127.0.0.1"),
            *("--save", "", "--appendonly", "no", "--dir", str(folder), *options),
        ]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + READY_WITHIN_S
        while not self._listens():
            assert time.monotonic() < deadline, "redis-server did not start"
            time.sleep(0.01)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def client(self) -> redis.Redis:
        """A plain client, for looking inside."""
        return redis.Redis(port=self.port, decode_responses=True)

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


@contextmanager
def redis_server(folder: Path, *options: str, scheme: str = "redis") -> Iterator[RedisServer]:
    server = RedisServer(folder, *options, scheme=scheme)
    server.start()
    try:
        yield server
    finally:
        server.kill()


def free_port() -> int:
    """A port that may be a cluster node's: its bus listens 10000 above it."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        if port <= 65535 - 10000:
            return port
