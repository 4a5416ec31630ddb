"""The stack on the terminal: a table that follows it, or a few lines in a log."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

from local.stack.supervisor import Phase, Stack, Watched

if TYPE_CHECKING:
    from rich.table import Table

STYLES = {
    Phase.WAITING: "dim",
    Phase.STARTING: "yellow",
    Phase.UP: "green",
    Phase.FAILED: "bold red",
    Phase.STOPPED: "dim",
}


class StackView:
    """Shows a stack on standard error, where answers do not go."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.live import Live

        self._live = Live(console=Console(file=sys.stderr, highlight=False), refresh_per_second=8)
        self._told: dict[str, Phase] = {}
        self._tty = sys.stderr.isatty()

    @contextmanager
    def following(self) -> Iterator[None]:
        """Draw the table anew as long as the block runs."""
        with self._live if self._tty else nullcontext():
            yield

    def show(self, stack: Stack) -> None:
        """What is true now."""
        if self._tty:
            self._live.update(_table(stack))
            return
        for one in stack.parts:
            if one.phase is not self._told.get(one.part.name, Phase.WAITING):
                self._told[one.part.name] = one.phase
                print(
                    f"{one.part.name:<10} {_state(one)} {_address(one)}".rstrip(), file=sys.stderr
                )


def _table(stack: Stack) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, show_header=False)
    for _ in range(4):
        table.add_column()
    for one in stack.parts:
        style = STYLES[one.phase]
        row = (one.part.name, one.part.title, _address(one))
        table.add_row(*row, Text(_state(one), style=style))
    return table


def _state(one: Watched) -> str:
    if one.phase is Phase.UP and one.took_s is not None:
        return f"up after {one.took_s:.1f} s"
    if one.phase is Phase.STARTING:
        return f"starting {one.age_s:.0f} s"
    return str(one.phase)


def _address(one: Watched) -> str:
    return f"127.0.0.1:{one.part.port}" if one.part.port else ""
