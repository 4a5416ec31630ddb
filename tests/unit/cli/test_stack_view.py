"""How a stack is shown: a line at each change in a log, a table in a terminal."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from rich.console import Console

from cli import stack_view
from cli.stack_view import StackView
from local.stack.part import Part
from local.stack.supervisor import Phase, Stack
from tests.support.tiny_stack import settings_of, tiny


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    redis = tiny(tmp_path, "redis")
    parts = [Part(**{**vars(redis), "port": 6379}), tiny(tmp_path, "gateway", "redis")]
    return Stack(settings_of(tmp_path), parts, "http://127.0.0.1:1")


def test_in_a_log_each_change_is_one_line(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    view = StackView()
    with view.following():
        for phase in (Phase.STARTING, Phase.STARTING, Phase.UP):
            view.show(stack)
            stack.parts[0].enter(phase)
            view.show(stack)
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "redis      starting 0 s 127.0.0.1:6379",
        "redis      up after 0.0 s 127.0.0.1:6379",
    ]


def test_in_a_terminal_there_is_a_table_of_all_parts(
    stack: Stack,
) -> None:
    stack.parts[0].enter(Phase.STARTING)
    console = Console(width=100, record=True, file=sys.__stderr__, quiet=False)
    with console.capture() as shown:
        console.print(stack_view._table(stack))
    first, second = shown.get().splitlines()
    assert first.split() == [
        "redis",
        "the",
        "part",
        "redis",
        "127.0.0.1:6379",
        "starting",
        "0",
        "s",
    ]
    assert second.split() == ["gateway", "the", "part", "gateway", "waiting"]
