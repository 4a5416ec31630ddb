"""Log lines where powertools is not: our runtime is of the standard library, and runs any function.

The same redaction and the same form, with fewer keys.
"""

from __future__ import annotations

import json
import logging
import time

from orchestrator_lambda.observability.records import KEYS, STANDARD, harmless
from orchestrator_lambda.observability.redaction import safe_fields


class PlainFormatter(logging.Formatter):
    """One JSON object a line."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        safe = harmless(record)
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(safe.created))
        line = {
            "level": safe.levelname,
            "location": f"{safe.funcName}:{safe.lineno}",
            "message": safe.msg,
            "timestamp": f"{moment}.{int(safe.msecs):03d}Z",
            "service": self._service,
            "name": safe.name,
        }
        fields = vars(safe).items()
        rest = {name: value for name, value in fields if name not in STANDARD | KEYS}
        return json.dumps({**line, **safe_fields(rest)})
