"""What one invocation is answered with, before anything is on the wire."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from orchestrator_lambda.events.answers import checked_headers
from orchestrator_lambda.http.message import AfterHook, HttpResponse
from orchestrator_lambda.observability.failures import log_failure

PRELUDE_LIMIT = 16 * 1024  # the delimiter included
DELIMITER = b"\0" * 8
CONTENT_TYPE = "application/vnd.awslambda.http-integration-response"

log = logging.getLogger(__name__)


@dataclass(kw_only=True)
class BufferedAnswer:
    """A whole answer: something that becomes JSON."""

    content: Any
    hooks: list[AfterHook] = field(default_factory=list)


@dataclass(kw_only=True)
class StreamedAnswer:
    """Status and headers, encoded, and the pieces of the payload.

    Attributes:
        broken: set by whoever sends it when it ended before its end.
    """

    prelude: bytes
    pieces: Iterator[bytes]
    hooks: list[AfterHook] = field(default_factory=list)
    broken: bool = False


Answer = BufferedAnswer | StreamedAnswer


class PreludeTooLarge(ValueError):
    """Status, headers and cookies do not fit where Lambda looks for them."""


def encode_prelude(response: HttpResponse) -> bytes:
    """Status, headers and cookies as JSON, and the delimiter behind them.

    Raises:
        PreludeTooLarge: they have more than 16 KB.
        UnfitHeader: one of them cannot stand in HTTP.
    """
    content: dict[str, Any] = {"statusCode": response.status, "headers": checked_headers(response)}
    if response.cookies:
        content["cookies"] = list(response.cookies)
    # ASCII: no byte of the JSON can be taken for the delimiter.
    prelude = json.dumps(content, separators=(",", ":")).encode() + DELIMITER
    if len(prelude) > PRELUDE_LIMIT:
        raise PreludeTooLarge(f"status and headers have {len(prelude)} bytes of {PRELUDE_LIMIT}")
    return prelude


def finish(answer: Answer) -> None:
    """Do what was to be done after the answer, in order; work that is added meanwhile, too."""
    while answer.hooks:
        work = answer.hooks.pop(0)
        try:
            work()
        except Exception as error:
            log_failure(log, "work after the answer failed", error)
