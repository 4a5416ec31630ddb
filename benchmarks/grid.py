"""A table before it is drawn, and how its cells read."""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.speed.summary import Number

MISSING = "-"


@dataclass(frozen=True)
class Grid:
    """Title, header and rows, all text."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def markdown_table(grid: Grid) -> str:
    """The grid without its title."""
    alignment = ("---", *["---:"] * (len(grid.header) - 1))
    lines = (grid.header, alignment, *grid.rows)
    return "\n".join("| " + " | ".join(map(one_line, line)) + " |" for line in lines)


def one_line(text: str) -> str:
    """`text` without what would break out of a Markdown cell or list item."""
    return " ".join(text.split()).replace("|", "\\|")


def seconds(value: Number) -> str:
    """A duration at a readable precision: `84 ms`, `1.43 s`, `217 s`."""
    if value is None:
        return MISSING
    if value < 0.9995:
        return f"{value * 1000:.0f} ms"
    return f"{value:.2f} s" if value < 99.5 else f"{value:.0f} s"


def share(value: Number) -> str:
    """A share in per cent."""
    return MISSING if value is None else f"{value * 100:.0f} %"


def times(value: Number) -> str:
    """A ratio as a multiple."""
    return MISSING if value is None else f"{value:.2f}x"
