"""Exceptions in logs: their type and place, never what they say, which may quote a message.

What is wrong with a setting is said: its error is a sentence of ours, and comes before any message.
"""

from __future__ import annotations

import logging
import os
import traceback

from orchestrator_lambda.errors import ConfigError
from orchestrator_lambda.observability.redaction import Complaint

MAX_FRAMES = 12


def log_failure(logger: logging.Logger, what: str, error: BaseException) -> None:
    """Log that `what` (a constant of ours) happened because of `error`."""
    fields: dict[str, object] = {"error_type": error_type(error), "error_place": places(error)}
    if isinstance(error, ConfigError):
        fields["complaint"] = Complaint(error.message)
    logger.error(what, extra=fields)


def error_type(error: BaseException) -> str:
    """The exception's name with its module, such as `botocore.exceptions.ClientError`."""
    kind = type(error)
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"


def places(error: BaseException) -> list[str]:
    """Where it came through, outermost first: `file.py:line function`, the last frames alone."""
    frames = traceback.extract_tb(error.__traceback__)[-MAX_FRAMES:]
    return [f"{os.path.basename(frame.filename)}:{frame.lineno}:{frame.name}" for frame in frames]
