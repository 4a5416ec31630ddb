"""The outcome of a local run, for a person and as data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cli.terminal import printable

if TYPE_CHECKING:
    from rich.table import Table

    from pipelines.local_run.run import LocalResult

UNWRAPPED = 400  # in a pipe or a log, a line is a line


def as_json(result: LocalResult) -> dict[str, Any]:
    """All of it, as plain data."""
    version = result.version
    registered = version and {
        "number": version.number,
        "name": version.name,
        "approval": str(version.approval),
    }
    return {
        "passed": result.passed,
        "refused_by": result.refused_by or None,
        "reasons": list(result.reasons),
        "version": registered,
        "against": result.gates.get("against"),
        "notes": result.gates.get("notes", []),
        "metrics": result.gates.get("metrics", {}),
        "verdicts": result.gates.get("verdicts", []),
        "output": str(result.output),
        "report": None if result.report is None else str(result.report),
    }


def print_result(result: LocalResult) -> None:
    """The gates as a table, what was not compared, and how it ended."""
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = UNWRAPPED
    if result.gates:
        console.print(_table(result))
    for note in result.gates.get("notes", []):
        console.print(Text(f"- {printable(note)}"))
    console.print(Text(_ending(result), style="green" if result.passed else "bold red"))
    for line in _places(result):
        console.print(Text(line))


def _table(result: LocalResult) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, show_header=False)
    for one in result.gates["verdicts"]:
        verdict = Text("passed", "green") if one["passed"] else Text("refused", "bold red")
        table.add_row(one["gate"], verdict, Text(printable(one["sentence"])))
    return table


def _ending(result: LocalResult) -> str:
    if result.version is not None:
        return (
            f"\npassed: version {result.version.number} is registered ({result.version.approval})"
        )
    why = "".join(f"\n- {printable(reason)}" for reason in result.reasons)
    return f"\nrefused by {result.refused_by}; nothing was registered{why}"


def _places(result: LocalResult) -> list[str]:
    lines = [f"report: {result.report}"] if result.report else []
    if result.version is not None:
        lines.append(f"version: {result.version.name}")
    return [*lines, f"documents: {result.output}"]
