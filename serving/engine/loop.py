"""The engine's loop, the same in a process of its own and on a thread: read, step, tell.

While there is work it never waits; without work it sleeps in `receive` and uses no CPU.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from serving.engine.core import Core
from serving.engine.messages import Abort, AskKVUsage, Inbound, Outbound, Step, Stop, TellKVUsage
from serving.request import EngineRequest

Receive = Callable[[bool], list[Inbound]]
Send = Callable[[Outbound], None]


class EngineLoop:
    """Drives a core until it is told to stop.

    Args:
        core: what computes the steps.
        receive: gives the messages that wait; its argument says whether to wait for one.
        send: hands a message to the client.
    """

    def __init__(self, core: Core, receive: Receive, send: Send) -> None:
        self._core = core
        self._receive = receive
        self._send = send
        self._step_started: float | None = None

    @property
    def busy_s(self) -> float:
        """Age of the step that runs now, in seconds; 0 between steps."""
        started = self._step_started
        return 0.0 if started is None else time.monotonic() - started

    def run(self) -> None:
        """Loop until a Stop message. A core that raises ends the loop with its error."""
        while self._take(self._receive(not self._core.has_work)):
            if not self._core.has_work:
                continue
            self._step_started = time.monotonic()
            deltas = self._core.step()
            self._step_started = None
            self._send(Step(deltas, self._core.stats()))

    def _take(self, messages: list[Inbound]) -> bool:
        """Hand messages to the core; False after a Stop."""
        for message in messages:
            match message:
                case EngineRequest():
                    self._core.add(message)
                case Abort(request_ids):
                    for request_id in request_ids:
                        self._core.abort(request_id)
                    self._send(Step([], self._core.stats()))
                case AskKVUsage():
                    self._send(TellKVUsage(self._core.kv_usage()))
                case Stop():
                    return False
        return True
