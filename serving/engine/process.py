"""The engine process: loads the model, then runs the loop between two sockets.

Started by `ProcessTransport` as `python -m serving.engine.process ADDRESS` with the EngineConfig
as one JSON line on standard input. Standard input stays open as long as the parent lives: at its
end the engine exits, however the parent died. A heartbeat thread speaks once a second, so that
the parent can tell a long step from a stuck process.
"""

from __future__ import annotations

import gc
import logging
import math
import os
import sys
import threading
import time

import zmq

from serving.config import EngineConfig
from serving.engine.loop import EngineLoop
from serving.engine.messages import (
    Failed,
    Heartbeat,
    Inbound,
    Loading,
    Outbound,
    Ready,
    encoder,
    inbound_decoder,
)
from serving.errors import KeepwarmError

logger = logging.getLogger(__name__)

HEARTBEAT_S = 1.0
LINGER_MS = 2000  # to deliver the last words


def main(address: str) -> int:
    """Run one engine; the exit status says whether it was told to stop."""
    config = EngineConfig.from_json(sys.stdin.readline())
    threading.Thread(target=_exit_with_parent, daemon=True).start()
    context = zmq.Context()
    outbox = _Outbox(context, f"{address}.out")
    try:
        _serve(config, context, address, outbox)
    except KeepwarmError as error:
        outbox.send(Failed(error.code, error.message))
        return 1
    except Exception as error:
        logger.exception("the engine failed")
        outbox.send(Failed("engine_dead", f"the engine failed ({type(error).__name__})"))
        return 1
    finally:
        outbox.close()
        context.destroy()  # waits until what was sent has left
    return 0


def _serve(
    config: EngineConfig, context: zmq.Context[zmq.Socket[bytes]], address: str, outbox: _Outbox
) -> None:
    from serving.engine.build import build_core

    inbox = context.socket(zmq.PULL)
    inbox.connect(f"{address}.in")
    loop: list[EngineLoop] = []
    threading.Thread(target=_beat, args=(loop, outbox), daemon=True).start()
    core, info = build_core(config, lambda phase: outbox.send(Loading(phase)))
    loop.append(EngineLoop(core, lambda wait_s: _receive(inbox, wait_s), outbox.send))
    outbox.send(Ready(info))
    gc.collect()
    gc.freeze()  # a full collection must not walk through all that was imported in mid-answer
    loop[0].run()


class _Outbox:
    """A PUSH socket that two threads may use. What is sent after `close` goes nowhere."""

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], address: str) -> None:
        self._socket = context.socket(zmq.PUSH)
        self._socket.setsockopt(zmq.SNDHWM, 0)
        self._socket.setsockopt(zmq.LINGER, LINGER_MS)
        self._socket.connect(address)
        self._lock = threading.Lock()

    def send(self, message: Outbound) -> None:
        with self._lock:
            if not self._socket.closed:
                self._socket.send(encoder.encode(message))

    def close(self) -> None:
        with self._lock:
            self._socket.close()


def _receive(inbox: zmq.Socket[bytes], wait_s: float | None) -> list[Inbound]:
    """All messages that wait, and the first one to come within `wait_s`; see `EngineLoop`."""
    messages: list[Inbound] = []
    if wait_s is None or wait_s > 0:
        inbox.poll(None if wait_s is None else math.ceil(1000 * wait_s))
    while True:
        try:
            messages.append(inbound_decoder.decode(inbox.recv(zmq.NOBLOCK)))
        except zmq.Again:
            return messages


def _beat(loop: list[EngineLoop], outbox: _Outbox) -> None:
    while True:
        outbox.send(Heartbeat(loop[0].busy_s if loop else 0.0))
        time.sleep(HEARTBEAT_S)


def _exit_with_parent() -> None:
    """Wait for the end of standard input: the parent is gone, whatever way it went."""
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    logging.basicConfig(
        level=os.environ.get("KEEPWARM_LOG_LEVEL", "INFO"),
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
    )
    status = main(sys.argv[1])
    # Daemon threads may hold locks that interpreter shutdown wants; nothing is left to flush.
    sys.stderr.flush()
    os._exit(status)
