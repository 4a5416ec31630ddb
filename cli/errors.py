"""How a command fails: one sentence on standard error and an exit code, never a traceback."""

from __future__ import annotations


class CliError(Exception):
    """A failure the user can act on; the message says what was wrong and what would be right."""

    def __init__(self, message: str, *, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code
