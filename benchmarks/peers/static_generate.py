"""Plain `model.generate()` on a static batch: what one would write without a serving engine."""

from __future__ import annotations

import importlib.util
import json
import queue
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.errors import PeerFailed
from benchmarks.machine import package_version
from benchmarks.peers.static_job import job_to_json
from benchmarks.process import ManagedProcess
from pipelines.speed.records import LoadResult, RunObserver, TurnRecord, turn_from_json
from pipelines.speed.workload import ChatWorkload

# The worker looks at the clock once a step; a step under way (a long prefill) is waited for.
_STEP_GRACE_S = 180.0


class StaticGeneratePeer:
    """All sessions in one left-padded batch, in lock-step, their whole history prefilled each turn.

    It runs in a process of its own, like the others, so that its memory and threads are gone when
    the next peer starts, and so that it can be ended.
    """

    name = "generate"

    def __init__(self, model: Path, *, batch: int = 16) -> None:
        self._model = model
        self._batch = batch
        self._process: ManagedProcess | None = None
        self._replies: queue.Queue[str | None] = queue.Queue()
        self.title = f"generate(), static batch of {batch}"

    def unavailable_reason(self) -> str | None:
        """torch, transformers and the model must be there."""
        for package in ("torch", "transformers"):
            if importlib.util.find_spec(package) is None:
                return f"{package} is not installed"
        return None if self._model.is_dir() else f"no model folder {self._model}"

    def version(self) -> str:
        """Of transformers and torch in this environment."""
        names = ("transformers", "torch")
        return ", ".join(f"{name} {package_version(name)}" for name in names)

    def settings(self) -> Mapping[str, str]:
        """How it generates."""
        return {"batch": str(self._batch), "dtype": "float32", "padding": "left"}

    def start(self, time_limit_s: float) -> None:
        """Start the worker and wait until its model is loaded."""
        module = "benchmarks.peers.static_worker"
        arguments = ["--model", str(self._model), "--batch", str(self._batch)]
        self._process = ManagedProcess([sys.executable, "-m", module, *arguments], pipes=True)
        self._replies = queue.Queue()
        threading.Thread(
            target=_collect, args=(self._process, self._replies), name="replies", daemon=True
        ).start()
        self._next_reply(time.monotonic() + time_limit_s)

    def run(
        self, workload: ChatWorkload, *, time_limit_s: float, observer: RunObserver
    ) -> LoadResult:
        """Hand the worker its job and gather the records."""
        stdin = self._process.popen.stdin if self._process else None
        if stdin is None:
            raise PeerFailed("run was called before start")
        try:
            stdin.write(job_to_json(workload, time_limit_s) + "\n")
            stdin.flush()
        except OSError as error:
            raise PeerFailed(f"the worker takes no job: {error}") from error
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

    def stop(self) -> None:
        """End the worker."""
        process, self._process = self._process, None
        if process is not None:
            process.stop()

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
