"""A Lambda function on one machine: environments by need, one invocation in each.

    with LambdaFunction(FunctionSettings(handler="chat.handler", root=path)) as function:
        answer = function.invoke_streaming(event)      # as API Gateway does with STREAM
        answer.status, answer.headers, list(answer.pieces)

Like the real one it keeps an environment for the next invocation, makes another where all are busy,
ends those that have been idle for long, and never tells a function that its caller has gone.
"""

from __future__ import annotations

import json
import threading
import time
from typing import Any

from local.lambda_answer import StreamedAnswer, read_streamed, read_whole
from local.lambda_environment import Environment, FunctionSettings
from local.lambda_invocation import Invocation

REAP_INTERVAL_S = 0.2


class Throttled(Exception):
    """As many environments as are allowed are at work (Lambda: TooManyRequestsException, 429)."""


class LambdaFunction:
    """The pool of environments; a context manager that ends them all."""

    def __init__(self, settings: FunctionSettings) -> None:
        self.settings = settings
        self._lock = threading.Lock()
        self._all: list[Environment] = []
        self._idle: list[Environment] = []
        self._closed = threading.Event()

    @property
    def environments(self) -> list[Environment]:
        """Those that are there now, busy or idle."""
        with self._lock:
            return list(self._all)

    def invoke(self, event: object) -> Any:
        """A whole answer.

        Args:
            event: what is sent as JSON; bytes go as they are.

        Raises:
            FunctionError: the function failed.
            Throttled: all environments are busy.
        """
        invocation, _ = self._begin(event)
        return json.loads(read_whole(invocation))

    def invoke_streaming(self, event: object) -> StreamedAnswer:
        """Status, headers and the payload as it is made.

        Returns when status and headers are there; a function that fails before that is answered
        for with 502, as API Gateway does.

        Raises:
            Throttled: all environments are busy.
        """
        invocation, environment = self._begin(event)
        return read_streamed(invocation, environment)

    def close(self) -> None:
        """End all environments."""
        self._closed.set()
        for environment in self.environments:
            environment.stop()

    def __enter__(self) -> LambdaFunction:
        threading.Thread(target=self._reap, daemon=True).start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def _begin(self, event: object) -> tuple[Invocation, Environment]:
        invocation = Invocation(event, self.settings.timeout_s, traced=self.settings.traced)
        environment = self._acquire()
        environment.invoke(invocation)
        return invocation, environment

    def _acquire(self) -> Environment:
        """An idle environment, the one used last first; or a new one."""
        with self._lock:
            while self._idle:
                environment = self._idle.pop()
                if environment.alive:
                    return environment
            if len(self._all) >= self.settings.max_environments:
                raise Throttled(f"{len(self._all)} environments are busy")
            environment = Environment(self.settings, on_idle=self._note_idle, on_end=self._note_end)
            self._all.append(environment)
            return environment

    def _note_idle(self, environment: Environment) -> None:
        """It asks for work: a new one has its first invocation already, the others become idle."""
        current = environment.api.current
        if current is None or not current.answered:
            return
        with self._lock:
            if environment in self._all and environment not in self._idle:
                self._idle.append(environment)

    def _note_end(self, environment: Environment) -> None:
        with self._lock:
            for group in (self._all, self._idle):
                if environment in group:
                    group.remove(environment)

    def _reap(self) -> None:
        while not self._closed.wait(REAP_INTERVAL_S):
            for environment in self._take_expired():
                environment.stop()

    def _take_expired(self) -> list[Environment]:
        limit = time.monotonic() - self.settings.idle_s
        with self._lock:
            expired = [one for one in self._idle if one.idle_since < limit]
            self._idle = [one for one in self._idle if one not in expired]
        return expired
