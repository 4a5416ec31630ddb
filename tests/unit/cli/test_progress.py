"""Progress in a log: few lines, no control characters."""

from __future__ import annotations

import io

from cli.progress import Reporter


def test_a_log_gets_a_line_for_each_quarter_and_each_stage() -> None:
    stream = io.StringIO()
    with Reporter(stream).task("Reading") as task:
        for hundredth in range(101):
            task.update(hundredth / 100)
        task.update(description="Writing")
        task.update(description="Writing")
    *lines, last = stream.getvalue().splitlines()
    assert lines == ["Reading ...", "  25%", "  50%", "  75%", "Writing ..."]
    assert last.startswith("  done in ")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_a_bar() -> None:
    stream = Terminal()
    with Reporter(stream).task("Reading") as task:
        task.update(0.5)
    assert "Reading" in stream.getvalue()
    assert "100 %" in stream.getvalue()
