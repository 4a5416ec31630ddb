"""The cost split of a step as bars: attention, linear, sampling, own overhead."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl

from benchmarks.profile.steps import LINEAR, StepProfile

_GROUPS = {
    "linear": LINEAR,
    "attention": ("attention",),
    "other kernels": ("rows",),
    "sampling": ("sample",),
    "own overhead": ("schedule", "pack", "update", "tell"),
}


def groups_of(profile: StepProfile) -> dict[str, float]:
    """Milliseconds by what a reader asks about."""
    parts = profile.parts_ms
    return {group: sum(parts[name] for name in names) for group, names in _GROUPS.items()}


def draw_split(profiles: Sequence[StepProfile], stem: Path) -> list[Path]:
    """Write the plot as PNG and SVG; returns both."""
    from matplotlib.figure import Figure

    mpl.use("Agg")
    with mpl.rc_context({"svg.hashsalt": "keepwarm"}):
        figure = Figure(figsize=(8.0, 3.5), layout="constrained")
        axes = figure.add_subplot()
        labels = [f"{one.kind}, {one.tokens} tokens" for one in profiles]
        left = [0.0] * len(profiles)
        for group in _GROUPS:
            widths = [100 * groups_of(one)[group] / one.step_ms for one in profiles]
            axes.barh(labels, widths, left=left, label=group)
            left = [start + width for start, width in zip(left, widths, strict=True)]
        axes.set(xlabel="per cent of the step", title="Where a step goes")
        axes.legend(frameon=False, ncols=5, loc="upper center", bbox_to_anchor=(0.5, -0.2))
        paths = [stem.with_suffix(f".{suffix}") for suffix in ("png", "svg")]
        for path in paths:
            figure.savefig(path, dpi=150, metadata={"Date": None} if path.suffix == ".svg" else {})
    return paths
