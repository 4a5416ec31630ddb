"""How a client reaches its engine: a process of its own, or a thread of this one."""

from __future__ import annotations

import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import zmq

from serving.config import EngineConfig
from serving.engine.core import Core
from serving.engine.loop import EngineLoop
from serving.engine.messages import (
    Failed,
    Inbound,
    Outbound,
    Ready,
    Stop,
    encoder,
    outbound_decoder,
)
from serving.request import ModelInfo

OnMessage = Callable[[Outbound], None]
OnEnd = Callable[[str], None]

LAST_WORDS_MS = 200
"""How long to wait for what a process sent before its end; it is on its way."""

TICK_MS = 200
"""How often to look after the process where the system cannot tell of its end."""


class Transport(Protocol):
    """Carries messages both ways. `start` gives the callbacks, called from one thread only."""

    def start(self, on_message: OnMessage, on_end: OnEnd) -> None:
        """Begin to deliver messages; `on_end` comes at most once, with how the engine ended."""

    def send(self, message: Inbound) -> None:
        """Hand a message to the engine."""

    def close(self) -> None:
        """Stop the engine."""


class ProcessTransport:
    """The engine in a child process, over two ipc sockets in a private folder."""

    def __init__(self, config: EngineConfig) -> None:
        self._folder = tempfile.mkdtemp(prefix="keepwarm-")
        address = f"ipc://{self._folder}/engine"
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context.instance()
        self._outgoing = context.socket(zmq.PUSH)
        self._outgoing.setsockopt(zmq.SNDHWM, 0)
        self._outgoing.setsockopt(zmq.LINGER, 0)
        self._outgoing.bind(f"{address}.in")
        self._incoming = context.socket(zmq.PULL)
        self._incoming.setsockopt(zmq.RCVHWM, 0)
        self._incoming.bind(f"{address}.out")
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._reader: threading.Thread | None = None
        self._process = _spawn(config, address)
        self._end = _watch(self._process.pid)

    @property
    def pid(self) -> int:
        """The engine's process id."""
        return self._process.pid

    def start(self, on_message: OnMessage, on_end: OnEnd) -> None:
        """Begin to read; `on_end` comes once, with one sentence on how the process ended."""
        self._reader = threading.Thread(
            target=self._read, args=(on_message, on_end), name="engine-reader", daemon=True
        )
        self._reader.start()

    def send(self, message: Inbound) -> None:
        """Hand a message to the engine; lost silently after its end, which `on_end` tells."""
        with self._lock, suppress(zmq.Again):  # nobody at the other end
            if not self._closing.is_set():
                self._outgoing.send(encoder.encode(message), zmq.NOBLOCK)

    def close(self) -> None:
        """Stop the engine, kindly for two seconds; takes its sockets and folder away."""
        self.send(Stop())
        try:
            self._process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._closing.set()
        if self._reader is not None:
            self._reader.join(timeout=2)
        with self._lock:
            self._outgoing.close()
            self._incoming.close()
        if self._process.stdin is not None:
            self._process.stdin.close()
        if self._end is not None:
            os.close(self._end)
            self._end = None
        shutil.rmtree(self._folder, ignore_errors=True)

    def _read(self, on_message: OnMessage, on_end: OnEnd) -> None:
        poller = zmq.Poller()
        poller.register(self._incoming, zmq.POLLIN)
        if self._end is not None:
            poller.register(self._end, zmq.POLLIN)
        while not self._closing.is_set():
            status = self._process.poll()  # asked first: its last words are then on their way
            if status is None:
                poller.poll(None if self._end is not None else TICK_MS)
            if self._incoming.poll(0 if status is None else LAST_WORDS_MS):
                on_message(outbound_decoder.decode(self._incoming.recv()))
            elif status is not None:
                on_end(f"the engine process ended with status {status}")
                return


def _watch(pid: int) -> int | None:
    """A file descriptor that becomes readable when the process ends; None without such a thing."""
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):  # not Linux, an old one, or a sandbox that forbids it
        return None


def _spawn(config: EngineConfig, address: str) -> subprocess.Popen[bytes]:
    """Start the engine's process and give it its settings."""
    root = str(Path(__file__).resolve().parents[2])
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {
        # Sleep at OpenMP barriers instead of spinning: as fast alone, and on a machine where
        # anything else runs a spinning thread waits for one that has no core (seen: 10 times).
        "OMP_WAIT_POLICY": "PASSIVE",
        **os.environ,
        "PYTHONPATH": os.pathsep.join(paths),
        "HF_HUB_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "serving.engine.process", address],
        stdin=subprocess.PIPE,
        env=environment,
        start_new_session=True,  # a terminal's Ctrl-C is the server's affair, not the engine's
    )
    if process.stdin is not None:
        process.stdin.write(config.to_json().encode() + b"\n")
        process.stdin.flush()
    return process


class ThreadTransport:
    """The engine's loop on a thread of this process: for tests and offline use."""

    def __init__(self, core: Core, info: ModelInfo) -> None:
        self._core = core
        self._info = info
        self._inbox: queue.SimpleQueue[Inbound] = queue.SimpleQueue()

    def start(self, on_message: OnMessage, on_end: OnEnd) -> None:
        """Begin to run the loop."""
        self._thread = threading.Thread(
            target=self._run, args=(on_message, on_end), name="engine-loop", daemon=True
        )
        on_message(Ready(self._info))
        self._thread.start()

    def send(self, message: Inbound) -> None:
        """Hand a message to the loop."""
        self._inbox.put(message)

    def close(self) -> None:
        """Stop the loop after its present step."""
        self._inbox.put(Stop())
        self._thread.join()

    def _run(self, on_message: OnMessage, on_end: OnEnd) -> None:
        try:
            EngineLoop(self._core, self._receive, on_message).run()
        except Exception as error:
            on_message(Failed("engine_dead", f"the engine failed ({type(error).__name__})"))
        on_end("the engine's loop ended")

    def _receive(self, wait_s: float | None) -> list[Inbound]:
        messages: list[Inbound] = []
        try:
            if wait_s is None or wait_s > 0:
                messages.append(self._inbox.get(timeout=wait_s))
            while True:
                messages.append(self._inbox.get_nowait())
        except queue.Empty:
            return messages
