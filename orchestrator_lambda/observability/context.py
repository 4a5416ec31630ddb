"""What every log line of an invocation says beside its message: ids, bound once.

The fields belong to the process, not to a thread: an execution environment serves one invocation
at a time, and the threads that work for it must say the same ids.
"""

from __future__ import annotations

import threading

_lock = threading.Lock()
_fields: dict[str, str] = {}


def bind(**fields: str) -> None:
    """Say these fields from now on: request_id, conversation_id, trace_id, ..."""
    with _lock:
        _fields.update(fields)


def clear() -> None:
    """Say none: the invocation is over."""
    with _lock:
        _fields.clear()


def bound() -> dict[str, str]:
    """The fields as they are now."""
    with _lock:
        return dict(_fields)
