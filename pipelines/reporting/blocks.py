"""A report before it is drawn: sections of sentences, tables and plots."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Documents = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Table:
    """A header and rows of as many cells; `bad` are the rows that refuse."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    bad: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Plot:
    """An SVG and the name of its file, without suffix."""

    name: str
    title: str
    svg: str


@dataclass(frozen=True)
class Bullets:
    """A list of sentences."""

    lines: tuple[str, ...]


Block = str | Table | Plot | Bullets


@dataclass(frozen=True)
class Section:
    """A heading and what stands below it."""

    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Report:
    """All of it; `passed` colours the verdict."""

    title: str
    passed: bool
    verdict: str
    sections: tuple[Section, ...]

    @property
    def plots(self) -> list[Plot]:
        """Every plot, in order."""
        return [
            block
            for section in self.sections
            for block in section.blocks
            if isinstance(block, Plot) and block.svg
        ]


def seconds(value: float | None) -> str:
    """A duration at a readable precision."""
    if value is None:
        return "-"
    return f"{value * 1000:.0f} ms" if value < 0.9995 else f"{value:.2f} s"


def share(value: float | None) -> str:
    """A share in per cent."""
    return "-" if value is None else f"{value * 100:.1f} %"


def number(value: float | None, digits: int = 3) -> str:
    """A number with so many digits after the point."""
    return "-" if value is None else f"{value:.{digits}f}"
