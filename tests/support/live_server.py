"""The real server, with a real model, as a child process of a test."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import requests

from cli.network import free_port

START_LIMIT_S = 180.0


class LiveServer:
    """`python -m container.server` on a free port, ready when the `with` block begins."""

    def __init__(self, model: Path, log: Path, **settings: str) -> None:
        self._model = model
        self._log = log
        self._settings = settings
        self.port = free_port("127.0.0.1")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log_text(self) -> str:
        return self._log.read_text(errors="replace")

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "container.server"]
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [*command, "--model", str(self._model), "--port", str(self.port)],
                env={**os.environ, "KEEPWARM_KV_CACHE_GIB": "0.5", **self._settings},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            self._wait_ready()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)

    def _wait_ready(self) -> None:
        end = time.monotonic() + START_LIMIT_S
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise AssertionError(f"the server ended:\n{self.log_text[-3000:]}")
            if self.ping() == 200:
                return
            time.sleep(0.1)
        raise AssertionError(f"the server is not ready:\n{self.log_text[-3000:]}")

    def ping(self) -> int:
        """Status of /ping; 0 while nothing listens."""
        try:
            return requests.get(f"{self.url}/ping", timeout=2).status_code
        except requests.RequestException:
            return 0

    def metric(self, name: str) -> float:
        """The value of an unlabelled metric."""
        text = requests.get(f"{self.url}/metrics", timeout=5).text
        match = re.search(rf"^{re.escape(name)}(?:\{{[^}}]*\}})? (\S+)$", text, re.MULTILINE)
        if match is None:
            raise AssertionError(f"no metric {name} in:\n{text}")
        return float(match.group(1))

    def engine_pid(self) -> int:
        """Process id of the engine: the one descendant that runs serving.engine.process."""
        import psutil

        for child in psutil.Process(self.process.pid).children(recursive=True):
            if "serving.engine.process" in child.cmdline():
                return child.pid
        raise AssertionError("no engine process")


def wait_until(condition: object, limit_s: float = 20.0) -> None:
    """Poll a callable until it is true."""
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        if condition():  # type: ignore[operator]
            return
        time.sleep(0.05)
    raise AssertionError(f"not true within {limit_s} s")
