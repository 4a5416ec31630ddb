"""The engine's loop, the same in a process of its own and on a thread: read, step, tell.

Without work it sleeps in `receive` and uses no CPU. While there is work it waits only where the
next turn of a conversation may come in a moment (`anticipation.py`).
"""

from __future__ import annotations

import time
from collections.abc import Callable

from serving.engine.anticipation import Anticipation
from serving.engine.core import Core
from serving.engine.messages import Abort, AskKVUsage, Inbound, Outbound, Step, Stop, TellKVUsage
from serving.request import EngineRequest

Receive = Callable[[float | None], list[Inbound]]
Send = Callable[[Outbound], None]


class EngineLoop:
    """Drives a core until it is told to stop.

    Args:
        core: what computes the steps.
        receive: gives the messages that wait. If there are none, it waits so many seconds for one
            as its argument says; None: until one comes.
        send: hands a message to the client.
    """

    def __init__(self, core: Core, receive: Receive, send: Send) -> None:
        self._core = core
        self._receive = receive
        self._send = send
        self._step_started: float | None = None
        self._anticipation = Anticipation()
        self._wait_s = 0.0

    @property
    def busy_s(self) -> float:
        """Age of the step that runs now, in seconds; 0 between steps."""
        started = self._step_started
        return 0.0 if started is None else time.monotonic() - started

    def run(self) -> None:
        """Loop until a Stop message. A core that raises ends the loop with its error."""
        while self._take(self._messages()):
            if self._core.has_work:
                self._step()

    def _step(self) -> None:
        started = self._step_started = time.monotonic()
        deltas = self._core.step()
        self._step_started = None
        self._send(Step(deltas, self._core.stats()))
        ended = any(delta.finish_reason for delta in deltas)
        self._wait_s = self._anticipation.wait_s(time.monotonic() - started, ended=ended)

    def _messages(self) -> list[Inbound]:
        if not self._core.has_work:
            return self._receive(None)
        wait_s, self._wait_s = self._wait_s, 0.0
        messages = self._receive(wait_s)
        if wait_s:
            came = any(isinstance(message, EngineRequest) for message in messages)
            self._anticipation.learn(came=came)
        return messages

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
