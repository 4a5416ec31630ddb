"""What a terminal may be sent, and what kind of terminal there is."""

from __future__ import annotations

import io
import re
import select
import sys

MAX_PIPED = 1_000_000  # characters; more than any context takes

# Control characters but tab and newline: a model must not move the cursor or rename the window.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def printable(text: str) -> str:
    """`text` without control characters."""
    return _CONTROL.sub("", text)


def is_interactive() -> bool:
    """Whether a person sits at both ends."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty()


def piped_text() -> str:
    """What was piped in, or nothing: an open pipe that stays silent is not waited for."""
    if sys.stdin is None or sys.stdin.closed or sys.stdin.isatty():
        return ""
    try:
        readable, _, _ = select.select([sys.stdin], [], [], 0.2)
        return sys.stdin.read(MAX_PIPED).strip() if readable else ""
    except (io.UnsupportedOperation, OSError, ValueError):
        return ""


def survive_any_encoding() -> None:
    """Show a replacement for what the terminal's encoding lacks instead of failing."""
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
