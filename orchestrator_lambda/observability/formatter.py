"""Powertools' log lines, made of records that hold no word of a message.

Powertools' own formatter writes what exceptions say and whatever a caller hands in; it is given a
record that has neither, and what it makes goes through `redaction` once more.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter

from orchestrator_lambda.observability.records import KEYS, harmless
from orchestrator_lambda.observability.redaction import safe_fields

MILLISECONDS_OF_UTC = "%Y-%m-%dT%H:%M:%S.%FZ"


class RedactingFormatter(LambdaPowertoolsFormatter):
    """One JSON object a line: powertools' keys, the logger's name, bound ids, `extra` fields.

    The message is a constant of ours with arguments; all that is not constant goes through
    `redaction`. Of an exception there are its type and place.
    """

    def __init__(self, service: str) -> None:
        super().__init__(
            json_deserializer=str,  # a message is never taken for JSON
            datefmt=MILLISECONDS_OF_UTC,
            utc=True,
            name="%(name)s",
            service=service,
        )

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        return super().format(harmless(record))

    def serialize(self, log: Mapping[str, Any]) -> str:
        """The line of these keys: the last gate, whatever way they came."""
        rest = {name: value for name, value in log.items() if name not in KEYS}
        ours = {name: value for name, value in log.items() if name in KEYS}
        return json.dumps({**ours, **safe_fields(rest)})
