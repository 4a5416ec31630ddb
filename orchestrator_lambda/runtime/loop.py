"""The runtime's loop: next, answer, work after the answer, next."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable
from typing import Any

from orchestrator_lambda.events.invocation import Invocation
from orchestrator_lambda.http.message import LAMBDA_LIMIT_MS
from orchestrator_lambda.observability.failures import log_failure
from orchestrator_lambda.observability.trace import TRACE_VARIABLE
from orchestrator_lambda.runtime.answer import Answer, BufferedAnswer, finish
from orchestrator_lambda.runtime.api_client import RuntimeApiError, RuntimeClient, Work
from orchestrator_lambda.runtime.context import LambdaContext
from orchestrator_lambda.runtime.handler import LambdaHandler
from orchestrator_lambda.runtime.sending import function_error, send
from orchestrator_lambda.runtime.stopping import StopSignal

log = logging.getLogger(__name__)


class RuntimeLoop:
    """Serves invocations one at a time until told to stop."""

    def __init__(
        self, client: RuntimeClient, handler: Callable[..., Any], stop: StopSignal
    ) -> None:
        self._client = client
        self._handler = handler
        self._stop = stop

    def run(self) -> None:
        """Serve until SIGTERM.

        Raises:
            RuntimeApiError: there is no next invocation to be had; the environment is of no use.
        """
        while not self._stop.requested:
            work = self._client.next(self._stop.wait)
            if work is not None:
                self.serve(work)

    def serve(self, work: Work) -> None:
        """One invocation, with all that comes after its answer."""
        _set_trace(work.trace_id)
        try:
            event = json.loads(work.payload)
        except (ValueError, RecursionError):
            self._report(work, "Runtime.UnmarshalError", "the event is no JSON")
            return
        try:
            answer = self._begin(event, work)
        except Exception as error:
            log_failure(log, "the invocation failed", error)
            self._report(work, function_error(error), "the invocation failed")
            return
        try:
            send(self._client, work.request_id, answer)
        finally:
            finish(answer)

    def _begin(self, event: object, work: Work) -> Answer:
        remaining_ms = _remaining(work.deadline_ms)
        if isinstance(self._handler, LambdaHandler):
            invocation = Invocation(
                request_id=work.request_id, remaining_ms=remaining_ms, trace_id=work.trace_id
            )
            return self._handler.begin(event, invocation)
        arn = work.headers.get("lambda-runtime-invoked-function-arn", "")
        context = LambdaContext(work.request_id, arn, remaining_ms)
        return BufferedAnswer(content=self._handler(event, context))

    def _report(self, work: Work, error_type: str, message: str) -> None:
        try:
            self._client.post_error(work.request_id, error_type, message)
        except RuntimeApiError as error:
            log_failure(log, "the error was not taken", error)


def _remaining(deadline_ms: int | None) -> Callable[[], int]:
    """A clock of what is left until `deadline_ms`."""
    if deadline_ms is None:
        return lambda: LAMBDA_LIMIT_MS
    return lambda: max(0, deadline_ms - int(time.time() * 1000))


def _set_trace(trace_id: str) -> None:
    """Where the X-Ray SDK and boto3 look for it; no id of an earlier invocation stays."""
    if trace_id:
        os.environ[TRACE_VARIABLE] = trace_id
    else:
        os.environ.pop(TRACE_VARIABLE, None)
