"""Boxes and arrows as a Mermaid flowchart, and that chart in a page between two markers."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping

from infrastructure.assembly import Assembly
from infrastructure.diagram.arrows import Arrow, arrows
from infrastructure.diagram.boxes import titles


def chart(assembly: Assembly) -> str:
    """The flowchart of a stage: a frame for each stack, the same text for the same templates."""
    known = titles(assembly)
    drawn = arrows(assembly)
    ends = sorted({end for arrow in drawn for end in (arrow.source, arrow.target)} | set(known))
    lines = ["flowchart LR"]
    for part, boxes in _by_part(ends).items():
        lines.append(f"  subgraph {part}")
        lines += [f"    {_id(box)}[{_title(box, known)}]" for box in boxes]
        lines.append("  end")
    lines += [
        f'  {_id(source)} -->|"{label}"| {_id(target)}'
        for (source, target), label in _merged(drawn).items()
    ]
    return "\n".join(lines) + "\n"


def _by_part(boxes: Iterable[str]) -> Mapping[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for box in boxes:
        found[box.partition("/")[0]].append(box)
    return found


def _merged(drawn: Iterable[Arrow]) -> Mapping[tuple[str, str], str]:
    labels: dict[tuple[str, str], set[str]] = defaultdict(set)
    for arrow in drawn:
        labels[arrow.source, arrow.target].add(arrow.label)
    return {ends: ", ".join(sorted(names)) for ends, names in sorted(labels.items())}


def _id(box: str) -> str:
    return re.sub(r"\W", "_", box)


def _title(box: str, known: Mapping[str, tuple[str, ...]]) -> str:
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", box.rpartition("/")[2])
    kinds = known.get(box, ())
    return f'"{name}<br/>{", ".join(kinds)}"' if kinds else f'"{name}"'
