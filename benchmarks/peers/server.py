"""What all peers that are servers have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from benchmarks.client import ServerTarget, measure
from benchmarks.errors import PeerFailed
from benchmarks.process import ManagedProcess, free_port
from pipelines.speed.records import LoadResult, RunObserver
from pipelines.speed.workload import ChatWorkload


class ServerPeer(ABC):
    """A process that serves OpenAI chat completions on a loopback port."""

    ready_path: ClassVar[str]

    def __init__(self) -> None:
        self._process: ManagedProcess | None = None
        self._target: ServerTarget | None = None

    @abstractmethod
    def command(self, port: int) -> list[str]:
        """The command that serves on `port` of 127.0.0.1."""

    @abstractmethod
    def target(self, url: str) -> ServerTarget:
        """How the running server is to be addressed; called once it is ready."""

    def environment(self) -> Mapping[str, str]:
        """Variables beside those of this process."""
        return {}

    def start(self, time_limit_s: float) -> None:
        """Start the process and wait until its `ready_path` answers 200."""
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        self._process = ManagedProcess(self.command(port), environment=self.environment())
        self._process.wait_until_ready(url + self.ready_path, time_limit_s)
        self._target = self.target(url)

    def run(
        self, workload: ChatWorkload, *, time_limit_s: float, observer: RunObserver
    ) -> LoadResult:
        """Drive the server by the load generator."""
        if self._process is None:
            raise PeerFailed("run was called before start")
        result = measure(self.running, workload, time_limit_s=time_limit_s, observer=observer)
        self._process.check_alive()
        return result

    @property
    def running(self) -> ServerTarget:
        """How the server that runs is addressed."""
        if self._target is None:
            raise PeerFailed("the server was not started")
        return self._target

    def peak_memory_bytes(self) -> int | None:
        """Of the server and its children; None when none runs."""
        return None if self._process is None else self._process.peak_memory_bytes()

    def stop(self) -> None:
        """End the process."""
        process, self._process, self._target = self._process, None, None
        if process is not None:
            process.stop()
