"""A report on an artifact, as a table; and progress while it is read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cli.errors import CliError
from cli.progress import Reporter
from cli.terminal import printable

if TYPE_CHECKING:
    from pipelines.model.report import Report

CANNOT_CHECK = 2
UNWRAPPED = 400  # in a pipe or a log, a finding is one line
STYLES = {"ok": "green", "warning": "yellow", "failed": "bold red", "skipped": "dim"}


def print_report(report: Report) -> None:
    """One line a finding: check, status, what is, and what would be right."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, show_header=False)
    for _ in range(3):
        table.add_column(overflow="fold")
    for one in report.findings:
        text = Text(_one_line(one.message))
        if one.fix:
            text.append(f"\n-> {_one_line(one.fix)}", style="italic")
        table.add_row(one.check, Text(str(one.status), style=STYLES[str(one.status)]), text)
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = UNWRAPPED
    console.print(table)
    console.print(Text(_verdict(report)))


def _one_line(text: str) -> str:
    """A file's name may hold line breaks, and must not look like a finding of its own."""
    return printable(text.replace("\n", "\\n"))


def _verdict(report: Report) -> str:
    from pipelines.model.report import Status

    problems = f"{report.count(Status.FAILED)} failed, {report.count(Status.WARNING)} warnings"
    name = printable(report.artifact)
    if report.refused:
        return f"\n{name} is refused: {problems}"
    manifest = f"\nmanifest: {report.manifest}" if report.manifest else ""
    return f"\n{name} is accepted: {problems}\nsha256: {report.sha256}{manifest}"


@contextmanager
def reading(title: str, *, quiet: bool) -> Iterator[Callable[[str, int, int], None] | None]:
    """Progress of reading, on standard error; None when nobody wants to see it."""
    _quiet_transformers()
    if quiet:
        yield None
        return
    with Reporter().task(printable(title)) as task:
        yield lambda path, done, total: task.update(min(done / total, 1.0) if total else None)


@contextmanager
def translated() -> Iterator[None]:
    """What a step of the pipeline raises, as one sentence of the command."""
    from pipelines.errors import PipelineError
    from serving.errors import KeepwarmError

    try:
        yield
    except PipelineError as error:
        raise CliError(str(error), exit_code=CANNOT_CHECK) from error
    except KeepwarmError as error:
        raise CliError(error.message) from error


def _quiet_transformers() -> None:
    """Its warnings about configs would stand between the lines of the report."""
    import os

    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
