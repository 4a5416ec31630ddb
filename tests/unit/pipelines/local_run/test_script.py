from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.local_run.script import run_script

PROGRAM = """
import os, signal, sys
print("a line that is no progress")
print("@stage 0.25 a quarter", flush=True)
print("@stage 1.00 all", flush=True)
print("first\\nlast word", file=sys.stderr, flush=True)
if sys.argv[1] == "kill":
    os.kill(os.getpid(), signal.SIGKILL)
sys.exit(int(sys.argv[1]))
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "a_step_of_a_test.py").write_text(PROGRAM)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return "a_step_of_a_test"


def test_progress_is_told_as_it_comes(module: str) -> None:
    told: list[tuple[float, str]] = []
    assert run_script(module, ["0"], lambda *stage: told.append(stage)).code == 0
    assert told == [(0.25, "a quarter"), (1.0, "all")]


@pytest.mark.parametrize("code", [1, 2])
def test_the_last_word_is_why(module: str, code: int) -> None:
    ended = run_script(module, [str(code)], lambda share, text: None)
    assert (ended.code, ended.message) == (code, "last word")


def test_a_script_that_was_killed_has_answered_nothing(module: str) -> None:
    assert run_script(module, ["kill"], lambda share, text: None).code == 2


def test_a_script_ends_with_whoever_watches_it(module: str) -> None:
    def interrupt(share: float, text: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_script(module, ["0"], interrupt)
