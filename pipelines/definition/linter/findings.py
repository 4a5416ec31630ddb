"""What is wrong with a definition."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Finding:
    """One mistake.

    Attributes:
        where: path into the definition, `Steps.Judge.Arguments.results`.
        message: what is wrong there, and what would be right.
    """

    where: str
    message: str

    def __str__(self) -> str:
        return f"{self.where}: {self.message}"
