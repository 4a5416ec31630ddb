"""What keeps a local stack from running; the message says what is wrong and what mends it."""

from __future__ import annotations


class StackError(Exception):
    """A part is missing, does not start, or has ended."""
