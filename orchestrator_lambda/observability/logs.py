"""Logs as JSON lines on standard output, in which no word of a message can stand.

    powertools' Logger: keys, handler -------> RedactingFormatter --> standard output
    rooms, libraries: logging.getLogger() -----------^

Rooms log by `logging.getLogger(__name__)`: a constant message with numbers in it, ids and codes as
`extra={"backend": name}`. Powertools is imported when logging begins, and not by who only logs.
"""

from __future__ import annotations

import logging
import sys
from functools import cache
from typing import IO

from orchestrator_lambda.observability.plain import PlainFormatter

ROOT = "orchestrator_lambda"
DEFAULT_SERVICE = "keepwarm-orchestrator"


def configure_logging(
    level: str = "info", *, service: str = DEFAULT_SERVICE, stream: IO[str] | None = None
) -> None:
    """Send our rooms' lines from `level` on, and libraries' warnings, to standard output.

    May be called again; the last call holds. Libraries stay at warnings whatever `level` says:
    botocore's debug lines hold whole requests.
    """
    handler = _handler(service)
    handler.setStream(stream or sys.stdout)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger(ROOT).setLevel(level.upper())


@cache
def _handler(service: str) -> logging.StreamHandler[IO[str]]:
    """That of powertools' Logger; in a zip without powertools, one that does without."""
    handler: logging.StreamHandler[IO[str]] = logging.StreamHandler(sys.stdout)
    try:
        from aws_lambda_powertools.logging import Logger

        from orchestrator_lambda.observability.formatter import RedactingFormatter
    except ImportError:
        handler.setFormatter(PlainFormatter(service))
        return handler
    logger = Logger(
        service=service,
        sampling_rate=0.0,  # whatever the environment says: debug lines come by the level alone
        logger_handler=handler,
        logger_formatter=RedactingFormatter(service),
    )
    logger.remove_keys(["sampling_rate"])
    return handler
