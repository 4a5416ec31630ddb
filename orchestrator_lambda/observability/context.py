"""What every log line of an invocation says beside its message: ids, bound once.

The fields belong to the process, not to a thread: an execution environment serves one invocation
at a time, and the threads that work for it must say the same ids.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping

from orchestrator_lambda.observability.trace import xray_fields

_lock = threading.Lock()
_fields: dict[str, str | int | bool] = {}
_begun = False


def begin_invocation(request_id: str, event: object) -> None:
    """Say the invocation's fields, under powertools' names, and none of an earlier one.

    Args:
        request_id: AWS's name of the invocation.
        event: what it was invoked with; its sender's id of it becomes `correlation_id`.
    """
    clear()
    memory = os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "")
    ids = {
        "function_name": os.environ.get("AWS_LAMBDA_FUNCTION_NAME", ""),
        "function_request_id": request_id,
        "correlation_id": correlation_id(event),
    }
    bind(cold_start=_is_cold(), **{name: value for name, value in ids.items() if value})
    if memory.isdecimal():
        bind(function_memory_size=int(memory))


def bind(**fields: str | int | bool) -> None:
    """Say these fields from now on: conversation_id, trace_id, ..."""
    with _lock:
        _fields.update(fields)


def clear() -> None:
    """Say none: the invocation is over."""
    with _lock:
        _fields.clear()


def bound() -> dict[str, str | int | bool]:
    """The fields as they are now."""
    with _lock:
        return dict(_fields)


def correlation_id(event: object) -> str:
    """The id by which the sender's own logs know the event; empty where it has none.

    API Gateway and function URLs have one in the event's context, a balancer in its trace header,
    EventBridge in the event itself.
    """
    content = _mapping(event)
    context = _mapping(content.get("requestContext"))
    if "elb" in context:
        traced = _mapping(content.get("headers")).get("x-amzn-trace-id")
        return xray_fields(traced).get("Root", "") if isinstance(traced, str) else ""
    found = context.get("requestId") or content.get("id")
    return found if isinstance(found, str) else ""


def _is_cold() -> bool:
    """Whether this is the first invocation of an environment that was made for it."""
    global _begun
    first, _begun = not _begun, True
    provisioned = os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "provisioned-concurrency"
    return first and not provisioned


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}
