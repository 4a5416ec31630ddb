"""Logs as JSON lines on standard output, in which no word of a message can stand.

Rooms log by `logging.getLogger(__name__)`: a constant message with numbers in it, ids and codes as
`extra={"backend": name}`. Powertools' Logger is not used: its formatter writes what exceptions say
and whatever a caller hands in, and without its formatter little of it is left.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from typing import IO

from orchestrator_lambda.observability import context
from orchestrator_lambda.observability.failures import error_type, places
from orchestrator_lambda.observability.redaction import safe_fields, safe_message

ROOT = "orchestrator_lambda"
DEFAULT_SERVICE = "keepwarm-orchestrator"

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class RedactingFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, place, message, bound ids, `extra` fields.

    The message is a constant of ours with arguments; all that is not constant goes through
    `redaction`. Of an exception there are its type and place.
    """

    def __init__(self, service: str = DEFAULT_SERVICE) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        extra = {name: value for name, value in vars(record).items() if name not in _STANDARD}
        line: dict[str, object] = {
            **safe_fields({**context.bound(), **extra}),
            "timestamp": f"{moment}.{int(record.msecs):03d}Z",
            "level": record.levelname,
            "logger": record.name,
            "place": f"{record.filename}:{record.lineno}",
            "service": self._service,
            "message": safe_message(record.msg, record.args),
        }
        if record.exc_info and record.exc_info[1] is not None:
            line["error_type"] = error_type(record.exc_info[1])
            line["error_place"] = places(record.exc_info[1])
        return json.dumps(line)


def configure_logging(
    level: str = "info", *, service: str = DEFAULT_SERVICE, stream: IO[str] | None = None
) -> None:
    """Send our rooms' lines from `level` on, and libraries' warnings, to standard output.

    May be called again; the last call holds. Libraries stay at warnings whatever `level` says:
    botocore's debug lines hold whole requests.
    """
    handler = logging.StreamHandler(stream or sys.stdout)
    handler.setFormatter(RedactingFormatter(service))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger(ROOT).setLevel(level.upper())
