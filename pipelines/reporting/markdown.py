"""The report as Markdown; its plots are files beside it."""

from __future__ import annotations

from pipelines.reporting.blocks import Block, Bullets, Plot, Report, Table


def markdown(report: Report) -> str:
    """The whole text."""
    parts = [f"# {one_line(report.title)}", f"**{one_line(report.verdict)}**"]
    for section in report.sections:
        parts.append(f"## {one_line(section.title)}")
        parts += [text for block in section.blocks if (text := _block(block))]
    return "\n\n".join(parts) + "\n"


def one_line(text: str) -> str:
    """Text without what would break out of a cell or a list, or be taken for markup of a page."""
    line = " ".join(text.split()).replace("|", "\\|")
    return line.replace("<", "&lt;").replace("`", "'").replace("[", "\\[")


def _block(block: Block) -> str:
    if isinstance(block, Table):
        return _table(block)
    if isinstance(block, Plot):
        return f"![{one_line(block.title)}]({block.name}.svg)" if block.svg else ""
    if isinstance(block, Bullets):
        return "\n".join(f"- {one_line(line)}" for line in block.lines)
    return one_line(block)


def _table(table: Table) -> str:
    lines = (table.header, ("---",) * len(table.header), *table.rows)
    return "\n".join("| " + " | ".join(map(one_line, line)) + " |" for line in lines)
