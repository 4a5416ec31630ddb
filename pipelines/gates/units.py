"""How a metric is written in a sentence."""

from __future__ import annotations

import enum


class Unit(enum.Enum):
    """What a number is a number of."""

    NUMBER = "number"
    SECONDS = "seconds"
    SHARE = "share"

    def show(self, value: float) -> str:
        """The value at a readable precision: `1.12`, `84 ms`, `62.5 %`."""
        if self is Unit.SHARE:
            return f"{value * 100:.1f} %"
        if self is Unit.SECONDS:
            return f"{value * 1000:.0f} ms" if abs(value) < 0.9995 else f"{value:.2f} s"
        return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"
