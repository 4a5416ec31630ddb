"""A real server in a process of its own, on a free port of the loopback address.

The engine comes from the model folder's own inference.py, as any user's would: nothing in the
product knows of tests. `start_server(model_dir, env)` serves any folder, a real checkpoint too.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

ROOT = Path(__file__).parents[2]
READY_S = 60.0


@dataclass
class Server:
    """A running server."""

    url: str
    process: subprocess.Popen[bytes]
    log_path: Path

    @property
    def log(self) -> str:
        return self.log_path.read_text()

    def ping(self) -> requests.Response | None:
        try:
            return requests.get(f"{self.url}/ping", timeout=2)
        except requests.ConnectionError:
            return None

    def wait_ready(self) -> None:
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.log
            response = self.ping()
            if response is not None and response.status_code == 200:
                return
            time.sleep(0.05)
        raise AssertionError(f"not ready after {READY_S} s:\n{self.log}")

    def metric(self, name: str) -> float:
        """The sum of a metric's samples, whatever their labels."""
        lines = requests.get(f"{self.url}/metrics", timeout=5).text.splitlines()
        found = [line for line in lines if line.split("{")[0].split(" ")[0] == name]
        return sum(float(line.rsplit(" ", 1)[1]) for line in found)

    def outcome(self, code: str) -> float:
        """How many requests ended so."""
        lines = requests.get(f"{self.url}/metrics", timeout=5).text.splitlines()
        wanted = f'keepwarm:requests_total{{outcome="{code}"'
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(wanted))

    def wait_for(self, condition: Callable[[], bool], seconds: float = 5.0) -> bool:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if condition():
                return True
            time.sleep(0.05)
        return condition()

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


StartServer = Callable[..., Server]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def launch(folder: Path, model_dir: Path, env: dict[str, str]) -> Server:
    """Start a server on `model_dir`; its log goes to `folder`."""
    port = free_port()
    log_path = folder / f"server-{port}.log"
    command = [sys.executable, "-m", "container.server", "--model", str(model_dir)]
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            [*command, "--port", str(port)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), **env},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    return Server(f"http://127.0.0.1:{port}", process, log_path)


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[StartServer]:
    """Start servers that end with the test."""
    servers: list[Server] = []

    def start(model_dir: Path, env: dict[str, str] | None = None, *, wait: bool = True) -> Server:
        server = launch(tmp_path, model_dir, env or {})
        servers.append(server)
        if wait:
            server.wait_ready()
        return server

    yield start
    for server in servers:
        server.stop()


def write_fake_model(folder: Path, arguments: str) -> Path:
    """A model folder whose model_fn returns FakeEngine(`arguments`)."""
    (folder / "code").mkdir(parents=True, exist_ok=True)
    (folder / "code" / "inference.py").write_text(
        "from serving.testing import FakeEngine, FakeFaults, echo\n"
        f"def model_fn(model_dir):\n    return FakeEngine({arguments})\n"
    )
    return folder


@pytest.fixture
def fake_model(tmp_path: Path) -> Callable[[str], Path]:
    """Make a model folder around a fake engine with these arguments."""
    return lambda arguments: write_fake_model(tmp_path / "model", arguments)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for a module: its answers say `Hello, world! How are you?`."""
    folder = tmp_path_factory.mktemp("server")
    model = write_fake_model(
        folder / "fake-chat",
        "lambda prompt, params: f'seed {params.seed}' if params.seed is not None "
        "else 'Hello, world! How are you?'",
    )
    running = launch(folder, model, {})
    running.wait_ready()
    yield running
    running.stop()
