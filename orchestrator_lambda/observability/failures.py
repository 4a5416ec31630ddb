"""Exceptions in logs: their type and place, never what they say, which may quote a message."""

from __future__ import annotations

import logging
import os
import traceback

MAX_FRAMES = 12


def log_failure(logger: logging.Logger, what: str, error: BaseException) -> None:
    """Log that `what` (a constant of ours) happened because of `error`."""
    fields = {"error_type": error_type(error), "error_place": places(error)}
    logger.error(what, extra=fields)


def error_type(error: BaseException) -> str:
    """The exception's name with its module, such as `botocore.exceptions.ClientError`."""
    kind = type(error)
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"


def places(error: BaseException) -> list[str]:
    """Where it came through, outermost first: `file.py:line function`, the last frames alone."""
    frames = traceback.extract_tb(error.__traceback__)[-MAX_FRAMES:]
    return [f"{os.path.basename(frame.filename)}:{frame.lineno}:{frame.name}" for frame in frames]
