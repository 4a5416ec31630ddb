"""Log records as they may be written: a safe message, ids, of an exception its type and places."""

from __future__ import annotations

import logging

from orchestrator_lambda.observability import context
from orchestrator_lambda.observability.failures import error_type, places
from orchestrator_lambda.observability.redaction import safe_message

STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
KEYS = frozenset({"level", "location", "message", "timestamp", "service"})
"""Of a line, and made by its formatter alone: no field may take their place."""


def harmless(record: logging.LogRecord) -> logging.LogRecord:
    """The record with the bound ids, and without anything that an exception says."""
    kept = {name: value for name, value in vars(record).items() if name in STANDARD}
    extra = {
        name: value
        for name, value in vars(record).items()
        if name not in STANDARD and name not in KEYS
    }
    harmless = {
        "msg": safe_message(record.msg, record.args),
        "args": None,
        "exc_info": None,
        "exc_text": None,
        "stack_info": None,
        "taskName": None,
    }
    failure: dict[str, object] = {}
    if record.exc_info and record.exc_info[1] is not None:
        error = record.exc_info[1]
        failure = {"error_type": error_type(error), "error_place": places(error)}
    return logging.makeLogRecord({**context.bound(), **extra, **failure, **kept, **harmless})
