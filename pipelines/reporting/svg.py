"""Small plots as SVG text: lines and bars, no library, readable in any browser and any mail.

points (data) --scale--> pixels inside a frame of 640 x 300, axes outside of it
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 640, 300
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 34, 64
COLOURS = ("#1f6f8b", "#c8553d", "#588157", "#8d6a9f")
GREY, DARK = "#d0d4d8", "#333840"
FONT = "font-family='system-ui,sans-serif'"
TICKS = 5


@dataclass(frozen=True)
class Line:
    """One series: (x, y) points, x ascending."""

    label: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Bar:
    """One horizontal bar; `reference` is drawn as a mark across it."""

    label: str
    value: float
    reference: float | None = None
    text: str = ""


def line_chart(title: str, x_label: str, y_label: str, lines: Sequence[Line]) -> str:
    """Lines over named x positions at equal distances; empty text when there is no point."""
    lines = [line for line in lines if line.points]
    if not lines:
        return ""
    positions = sorted({x for line in lines for x, _ in line.points})
    top = nice_top(max(y for line in lines for _, y in line.points))
    step = (WIDTH - LEFT - RIGHT) / max(1, len(positions) - 1)
    alone = (WIDTH - LEFT - RIGHT) / 2 if len(positions) == 1 else 0.0

    def place_x(x: float) -> float:
        return LEFT + alone + positions.index(x) * step

    def place_y(y: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (1 - y / top)

    parts = [*_frame(title, x_label, y_label, top, place_y)]
    for x in positions:
        parts.append(_text(place_x(x), HEIGHT - BOTTOM + 16, f"{x:g}", "middle"))
    for number, line in enumerate(lines):
        parts += _series(line, COLOURS[number % len(COLOURS)], place_x, place_y)
    if len(lines) > 1:
        parts += _legend([line.label for line in lines])
    return _svg(HEIGHT, title, parts)


def bar_chart(title: str, bars: Sequence[Bar], top: float | None = None) -> str:
    """Horizontal bars from 0; a mark where each one's reference is."""
    if not bars:
        return ""
    values = [bar.value for bar in bars] + [bar.reference or 0.0 for bar in bars]
    end = top or nice_top(max(values))
    left, row = 190, 34
    height = TOP + row * len(bars) + 14
    parts = [_text(12, 20, title, "start", bold=True)]
    for number, bar in enumerate(bars):
        y = TOP + number * row + 4
        width = max(1.0, (WIDTH - left - 90) * min(bar.value / end, 1.0))
        parts.append(_text(left - 10, y + 15, bar.label, "end"))
        parts.append(
            f"<rect x='{left}' y='{y}' width='{width:.1f}' height='20' rx='2' fill='{COLOURS[0]}'/>"
        )
        if bar.reference is not None:
            x = left + (WIDTH - left - 90) * min(bar.reference / end, 1.0)
            parts.append(
                f"<line x1='{x:.1f}' x2='{x:.1f}' y1='{y - 4}' y2='{y + 24}' "
                f"stroke='{COLOURS[1]}' stroke-width='3'/>"
            )
        parts.append(_text(left + width + 8, y + 15, bar.text or f"{bar.value:g}", "start"))
    return _svg(height, title, parts)


def nice_top(value: float) -> float:
    """The next number of the form 1, 2, 2.5 or 5 times a power of ten."""
    if not math.isfinite(value) or value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(m * power for m in (1.0, 2.0, 2.5, 5.0, 10.0) if m * power >= value * (1 - 1e-9))


def _frame(
    title: str, x_label: str, y_label: str, top: float, place_y: Callable[[float], float]
) -> list[str]:
    parts = [_text(12, 20, f"{title} ({y_label})", "start", bold=True)]
    for tick in range(TICKS + 1):
        value = top * tick / TICKS
        y = place_y(value)
        parts.append(
            f"<line x1='{LEFT}' x2='{WIDTH - RIGHT}' y1='{y:.1f}' y2='{y:.1f}' stroke='{GREY}'/>"
        )
        parts.append(_text(LEFT - 8, y + 4, f"{value:.4g}", "end"))
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(_text(middle, HEIGHT - BOTTOM + 34, x_label, "middle"))
    return parts


def _series(
    line: Line,
    colour: str,
    place_x: Callable[[float], float],
    place_y: Callable[[float], float],
) -> list[str]:
    pixels = [(place_x(x), place_y(y)) for x, y in line.points]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in pixels)
    parts = [f"<polyline points='{path}' fill='none' stroke='{colour}' stroke-width='2'/>"]
    return parts + [
        f"<circle cx='{x:.1f}' cy='{y:.1f}' r='3.5' fill='{colour}'/>" for x, y in pixels
    ]


def _legend(labels: Sequence[str]) -> list[str]:
    parts, x = [], float(LEFT)
    for number, label in enumerate(labels):
        colour = COLOURS[number % len(COLOURS)]
        y = HEIGHT - 10
        parts.append(f"<rect x='{x:.0f}' y='{y - 9}' width='10' height='10' fill='{colour}'/>")
        parts.append(_text(x + 15, y, label, "start"))
        x += 40 + 7.2 * len(label)
    return parts


def _text(x: float, y: float, text: str, anchor: str, *, bold: bool = False) -> str:
    weight = " font-weight='600'" if bold else ""
    size = 14 if bold else 12
    return (
        f"<text x='{x:.1f}' y='{y:.1f}' text-anchor='{anchor}' font-size='{size}'{weight} "
        f"fill='{DARK}'>{escape(text)}</text>"
    )


def _svg(height: float, title: str, parts: Sequence[str]) -> str:
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {height:.0f}' "
        f"width='{WIDTH}' height='{height:.0f}' role='img' {FONT}>"
        f"<title>{escape(title)}</title>"
        f"<rect width='{WIDTH}' height='{height:.0f}' fill='#ffffff'/>{''.join(parts)}</svg>"
    )
