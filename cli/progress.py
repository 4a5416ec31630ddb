"""Progress of long work: bars on a terminal, a few plain lines in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol, TextIO

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

QUARTER = 0.25


class Task(Protocol):
    """One piece of long work."""

    def update(self, done: float | None = None, description: str | None = None) -> None:
        """Report `done` (0..1 of the whole) and what is being done now."""


class Reporter:
    """Tells a person what goes on; writes to standard error, where answers do not go."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = sys.stderr if stream is None else stream

    def say(self, text: str) -> None:
        """One line."""
        print(text, file=self._stream, flush=True)

    @contextmanager
    def task(self, description: str, *, measurable: bool = True) -> Iterator[Task]:
        """Show progress while the block runs; not `measurable` means elapsed time alone."""
        if self._stream.isatty():
            with self._bar(description, measurable) as bar:
                yield bar
        else:
            plain = _PlainTask(self, description)
            yield plain
            plain.finish()

    @contextmanager
    def _bar(self, description: str, measurable: bool) -> Iterator[Task]:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        columns = [TextColumn("{task.description}", markup=False), BarColumn(bar_width=30)]
        if measurable:
            columns.append(TextColumn("{task.percentage:>3.0f} %"))
        with Progress(*columns, TimeElapsedColumn(), console=Console(file=self._stream)) as bars:
            task = _BarTask(bars, bars.add_task(description, total=1.0 if measurable else None))
            yield task
            task.finish()


class _BarTask:
    """A bar that rich draws."""

    def __init__(self, bars: Progress, task_id: TaskID) -> None:
        self._bars = bars
        self._id = task_id

    def update(self, done: float | None = None, description: str | None = None) -> None:
        self._bars.update(self._id, completed=done, description=description)

    def finish(self) -> None:
        self._bars.update(self._id, total=1.0, completed=1.0)


class _PlainTask:
    """Lines: the start, each quarter, each change of description, the end."""

    def __init__(self, reporter: Reporter, description: str) -> None:
        self._reporter = reporter
        self._description = description
        self._began = time.monotonic()
        self._next_mark = QUARTER
        reporter.say(f"{description} ...")

    def update(self, done: float | None = None, description: str | None = None) -> None:
        if description is not None and description != self._description:
            self._description = description
            self._reporter.say(f"{description} ...")
        while done is not None and done >= self._next_mark and self._next_mark < 1:
            self._reporter.say(f"  {self._next_mark:.0%}")
            self._next_mark += QUARTER

    def finish(self) -> None:
        self._reporter.say(f"  done in {time.monotonic() - self._began:.1f} s")
