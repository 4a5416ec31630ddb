"""Subsegments of X-Ray's traces, by powertools' Tracer, where Lambda traces and nowhere else.

    with span("commit") as commit:
        commit.annotate(attempts=2)

Lambda writes the segment of each invocation; what is begun here hangs below it. The SDK is imported
by the first invocation that is sampled, since it costs more time than all else here. Powertools'
decorators are not used: through them the SDK records what exceptions say. Of an exception a span
has the type, of everything else what it is annotated with, which goes through `redaction`.

X-Ray keeps the current span for each thread, and takes the segment above it from the variable that
the runtime sets for each invocation. What a thread of ours runs is `carried` into the trace of its
maker: one that outlives its invocation records nothing more, instead of something false.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from orchestrator_lambda.errors import OrchestratorError
from orchestrator_lambda.observability.failures import error_type, log_failure
from orchestrator_lambda.observability.redaction import safe_value
from orchestrator_lambda.observability.trace import TRACE_VARIABLE, xray_fields

DAEMON_VARIABLE = "AWS_XRAY_DAEMON_ADDRESS"
SERVICE = "keepwarm-orchestrator"

Annotation = str | int | float | bool

log = logging.getLogger(__name__)
_thread = threading.local()


class Span:
    """What is recorded of one piece of work; nothing where nobody traces."""

    def __init__(self, subsegment: Any = None) -> None:
        self._subsegment = subsegment

    def annotate(self, **values: Annotation) -> None:
        """Say more of it: ids and codes of ours, and numbers; traces are found by these."""
        if self._subsegment is not None:
            for name, value in values.items():
                self._subsegment.put_annotation(name, safe_value(name, value))

    def failed(self, error: BaseException) -> None:
        """It failed by an error of this type: the caller's, a throttle, or a fault of ours."""
        self.annotate(error_type=error_type(error))
        if self._subsegment is not None:
            status = error.status if isinstance(error, OrchestratorError) else 500
            self._subsegment.apply_status_code(status)

    def end(self, recorder: Any) -> None:
        """Send it; not from another thread than began it, where a generator may have ended."""
        if self._subsegment is not None and recorder.get_trace_entity() is self._subsegment:
            recorder.end_subsegment()


@contextmanager
def span(name: str, **annotations: Annotation) -> Iterator[Span]:
    """Record the work of the block, under the span that this thread is in, or the invocation's.

    Args:
        name: a constant.
        annotations: known from the start.
    """
    recorder = _recorder()
    recorded = Span(_subsegment(recorder, name))
    recorded.annotate(**annotations)
    try:
        yield recorded
    except Exception as error:
        recorded.failed(error)
        raise
    finally:
        recorded.end(recorder)


def carried(work: Callable[[], None]) -> Callable[[], None]:
    """`work` as a thread's target that records into the trace of the thread which made it."""
    header = _header()

    def run() -> None:
        _thread.header = header
        work()

    return run


def _header() -> str:
    """The trace that this thread works for."""
    header: str = getattr(_thread, "header", os.environ.get(TRACE_VARIABLE, ""))
    return header


def _recorder() -> Any:
    """X-Ray's recorder, where the invocation is sampled and this thread works for it; else None."""
    header = os.environ.get(TRACE_VARIABLE, "")
    if not header or header != _header() or not os.environ.get(DAEMON_VARIABLE):
        return None
    fields = xray_fields(header)
    traced = fields.get("Sampled") == "1" and fields.get("Root") and fields.get("Parent")
    return _made() if traced else None


def _subsegment(recorder: Any, name: str) -> Any:
    """A new one; None where there is no recorder, or it fails: work goes on without."""
    if recorder is None:
        return None
    try:
        return recorder.begin_subsegment(name)
    except Exception as error:
        log_failure(log, "a span could not be begun", error)
        return None


@cache
def _made() -> Any:
    """The recorder; None where there can be none, which keeps nobody from answering."""
    try:
        from aws_lambda_powertools import Tracer

        tracer = Tracer(service=SERVICE, auto_patch=False)
        return None if tracer.disabled else tracer.provider
    except Exception as error:
        log_failure(log, "traces cannot be recorded", error)
        return None
