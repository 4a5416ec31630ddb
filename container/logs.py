"""Logs as JSON lines, without a word of any prompt or answer."""

from __future__ import annotations

import json
import logging
import sys
import time
import traceback
from typing import Any


class JsonFormatter(logging.Formatter):
    """One JSON object a line; `extra={"fields": {...}}` adds fields."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line: dict[str, Any] = {
            "time": f"{moment}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line.update(getattr(record, "fields", {}))
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def configure_logging(level: str) -> None:
    """Send every log line to standard output as JSON."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("keepwarm").setLevel(level.upper())


def log_failure(
    logger: logging.Logger, what: str, error: BaseException, with_message: bool = False
) -> None:
    """Log an exception's type and place. Its message only if wanted: it may quote a prompt."""
    frames = "".join(traceback.format_tb(error.__traceback__))
    fields = {"error_type": type(error).__name__, "traceback": frames}
    if with_message:
        fields["error_message"] = str(error)
    logger.error("%s %s", what, type(error).__name__, extra={"fields": fields})
