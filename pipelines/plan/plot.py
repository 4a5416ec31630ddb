"""The plan as a picture: where the memory goes, and what a million tokens may cost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipelines.errors import PlanError
from pipelines.plan.plan import InstancePlan

PARTS = ("reserve", "overhead", "weights", "activations", "kv_room")
LABELS = ("reserve", "driver, processes", "weights", "activations", "KV cache")
COLOURS = ("#c9c9c9", "#9aa5b1", "#3b6ea5", "#7fb2d6", "#e08e45")
STEADY: dict[Any, Any] = {"svg.hashsalt": "keepwarm", "svg.fonttype": "none"}


def draw(plans: list[InstancePlan], path: Path) -> None:
    """Write the picture of `plans` to `path`, an .svg or .png.

    Raises:
        PlanError: the file cannot be written.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    names = [plan.instance.name.removeprefix("ml.") for plan in plans]
    with matplotlib.rc_context(STEADY):
        figure, (memory, cost) = pyplot.subplots(
            1, 2, figsize=(12, 1.5 + 0.28 * len(plans)), sharey=True, layout="constrained"
        )
        _memory(memory, plans, names)
        _cost(cost, plans, names)
        memory.invert_yaxis()
        figure.legend(loc="outside lower center", ncols=len(PARTS), fontsize="small")
        try:
            metadata = {"Date": None} if path.suffix.lower() == ".svg" else None
            figure.savefig(path, metadata=metadata)
        except OSError as error:
            raise PlanError(f"{path} cannot be written: {error.strerror}") from error
        finally:
            pyplot.close(figure)


def _memory(axes: Any, plans: list[InstancePlan], names: list[str]) -> None:
    left = [0.0] * len(plans)
    for part, label, colour in zip(PARTS, LABELS, COLOURS, strict=True):
        sizes = [_share(plan, part) for plan in plans]
        axes.barh(names, sizes, left=left, label=label, color=colour)
        left = [start + size for start, size in zip(left, sizes, strict=True)]
    axes.axvline(100, color="black", linewidth=0.8)
    axes.set_xlabel("share of one GPU's memory, or of the host's (%)")
    axes.set_title("Memory")
    for number, plan in enumerate(plans):
        text = f"{plan.limits.warm_sessions} warm" if plan.limits else "does not fit"
        axes.annotate(text, (101, number), va="center", fontsize="small")
    axes.set_xlim(0, 118)


def _share(plan: InstancePlan, part: str) -> float:
    """Per cent of the device; weights that are too large are cut at its border."""
    value: int = getattr(plan.memory, part)
    used: int = sum(getattr(plan.memory, name) for name in PARTS[: PARTS.index(part)])
    return 100.0 * max(0, min(value, plan.memory.total - used)) / plan.memory.total


def _cost(axes: Any, plans: list[InstancePlan], names: list[str]) -> None:
    costs = [plan.usd_per_million_tokens or 0.0 for plan in plans]
    axes.barh(names, costs, color=COLOURS[2])
    for number, plan in enumerate(plans):
        if plan.usd_per_million_tokens is not None:
            axes.annotate(f" {plan.usd_per_million_tokens:.2f}", (costs[number], number),
                          va="center", fontsize="small")  # fmt: skip
    axes.set_xlabel("USD for a million generated tokens at the running limit, an estimate")
    axes.set_title("Cost")
    axes.margins(x=0.12)
