"""What a run shows while it goes on."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from pipelines.speed.records import RunObserver
from pipelines.speed.workload import WorkloadSettings

# Drawing takes CPU time from the peer that is measured: twice a second is enough.
_REFRESH_PER_SECOND = 2


class RunProgress:
    """One line for each run: pieces of text of all that are expected, and turns that ended."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("tokens, {task.fields[turns]} turns"),
            TimeElapsedColumn(),
            console=console,
            refresh_per_second=_REFRESH_PER_SECOND,
        )

    def __enter__(self) -> RunProgress:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def observer(self, description: str, size: WorkloadSettings) -> RunObserver:
        """A new line, for a run that begins now."""
        if not self._progress.console.is_terminal:  # a log gets no moving bar, but a sign of life
            self._progress.console.print(f"{description}: starting", markup=False)
        task = self._progress.add_task(escape(description), total=size.total_tokens, turns=0)
        return _LineObserver(self._progress, task)


class _LineObserver:
    """Moves one line of the display."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress = progress
        self._task = task
        self._turns = 0

    def tokens_arrived(self, count: int) -> None:
        self._progress.advance(self._task, count)

    def turn_ended(self) -> None:
        self._turns += 1
        self._progress.update(self._task, turns=self._turns)
