"""What all peers have in common that run as a worker: a process that takes whole workloads.

For libraries without a server. Our half of the protocol; the worker's half is `static_worker.py`'s
docstring. The process is the peer's own, like a server's, so that its memory and threads are gone
when the next peer starts, and so that it can be ended.
"""

from __future__ import annotations

import json
import queue
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from benchmarks.errors import PeerFailed
from benchmarks.peers.static_job import job_to_json
from benchmarks.process import ManagedProcess
from pipelines.speed.records import LoadResult, RunObserver, TurnRecord, turn_from_json
from pipelines.speed.workload import ChatWorkload

# The worker looks at the clock once a step; a step under way (a long prefill) is waited for.
_STEP_GRACE_S = 180.0


class WorkerPeer(ABC):
    """A process that reads jobs from its stdin and writes what came of them, one JSON a line."""

    def __init__(self) -> None:
        self._process: ManagedProcess | None = None
        self._replies: queue.Queue[str | None] = queue.Queue()

    @abstractmethod
    def command(self) -> list[str]:
        """The command that starts the worker."""

    def environment(self) -> Mapping[str, str]:
        """Variables beside those of this process."""
        return {}

    def start(self, time_limit_s: float) -> None:
        """Start the worker and wait until its model is loaded."""
        self._process = ManagedProcess(self.command(), environment=self.environment(), pipes=True)
        self._replies = queue.Queue()
        threading.Thread(
            target=_collect, args=(self._process, self._replies), name="replies", daemon=True
        ).start()
        self._next_reply(time.monotonic() + time_limit_s)

    def run(
        self, workload: ChatWorkload, *, time_limit_s: float, observer: RunObserver
    ) -> LoadResult:
        """Hand the worker its job and gather the records."""
        self._give(job_to_json(workload, time_limit_s))
        turns: list[TurnRecord] = []
        deadline = time.monotonic() + time_limit_s + _STEP_GRACE_S
        cpu_start = time.process_time()
        while "finished" not in (reply := self._next_reply(deadline)):
            observer.tokens_arrived(reply.get("tokens", 0))
            for data in reply.get("turns", ()):
                turns.append(turn_from_json(data))
                observer.turn_ended()
        wall = max((turn.finished_s for turn in turns), default=0.0)
        ordered = tuple(sorted(turns, key=lambda turn: (turn.session, turn.turn)))
        return LoadResult(ordered, wall, time.process_time() - cpu_start)

    def peak_memory_bytes(self) -> int | None:
        """Of the worker and its children; None when none runs."""
        return None if self._process is None else self._process.peak_memory_bytes()

    def stop(self) -> None:
        """End the worker."""
        process, self._process = self._process, None
        if process is not None:
            process.stop()

    def _give(self, job: str) -> None:
        stdin = self._process.popen.stdin if self._process else None
        if stdin is None:
            raise PeerFailed("run was called before start")
        try:
            stdin.write(job + "\n")
            stdin.flush()
        except OSError as error:
            raise PeerFailed(f"the worker takes no job: {error}") from error

    def _next_reply(self, deadline: float) -> dict[str, Any]:
        """The worker's next reply.

        Raises:
            PeerFailed: it ended, or nothing came before `deadline` (of `time.monotonic()`).
        """
        try:
            line = self._replies.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            raise PeerFailed("the worker does not answer in time") from None
        if line is None:
            tail = self._process.tail() if self._process else "(stopped)"
            raise PeerFailed(f"the worker ended; its log ends: {tail}")
        reply: dict[str, Any] = json.loads(line)
        return reply


def _collect(process: ManagedProcess, replies: queue.Queue[str | None]) -> None:
    """Move the worker's lines to the queue; None marks the end."""
    for line in process.popen.stdout or ():
        replies.put(line)
    replies.put(None)
