"""The state file and the lock: who else may know what, and whose turn it is."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from local.errors import StackError
from local.stack import state as module
from local.stack.interruptions import held_back, ignored
from local.stack.state import State, is_running, only_one, read_state, wait_until_gone


def test_what_is_shown_is_read(tmp_path: Path) -> None:
    State(tmp_path).show("http://127.0.0.1:1", [{"name": "redis", "state": "up"}])
    content = read_state(tmp_path)
    assert content is not None
    assert content["url"] == "http://127.0.0.1:1"
    assert content["parts"] == [{"name": "redis", "state": "up"}]
    assert content["pid"] == os.getpid()


def test_the_same_is_not_written_again(tmp_path: Path) -> None:
    state = State(tmp_path)
    state.show("", [])
    (tmp_path / "state.json").unlink()
    state.show("", [])
    assert read_state(tmp_path) is None


def test_a_disk_that_is_full_for_a_while_is_written_to_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = State(tmp_path)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_text", full)
        state.show("there", [])
    assert read_state(tmp_path) is None
    state.show("there", [])
    assert (read_state(tmp_path) or {})["url"] == "there"


def test_removing_twice_is_no_fault(tmp_path: Path) -> None:
    state = State(tmp_path)
    state.show("", [])
    state.remove()
    state.remove()
    assert read_state(tmp_path) is None


def test_a_folder_has_one_owner_at_a_time(tmp_path: Path) -> None:
    assert not is_running(tmp_path)
    with only_one(tmp_path):
        assert is_running(tmp_path)
        with (
            pytest.raises(StackError, match=r"^a stack runs already; keepwarm down stops it$"),
            only_one(tmp_path),
        ):
            pass
    assert not is_running(tmp_path)
    assert wait_until_gone(tmp_path, 0.0)


def test_waiting_for_the_owner_has_an_end(tmp_path: Path) -> None:
    with only_one(tmp_path):
        assert not wait_until_gone(tmp_path, 0.0)


def test_a_home_that_cannot_be_written_is_a_sentence_with_its_mend(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(StackError, match=r"cannot be written \(.*\); set KEEPWARM_HOME"),
        only_one(tmp_path / "file" / "stack"),
    ):
        pass


def test_nobody_else_may_read_what_is_said_there(tmp_path: Path) -> None:
    with only_one(tmp_path / "stack"):
        assert (tmp_path / "stack").stat().st_mode & 0o077 == 0


def test_the_file_is_whole_whenever_it_is_read(tmp_path: Path) -> None:
    state = State(tmp_path)
    state.show("", [{"name": "x" * 10_000}])
    assert json.loads((tmp_path / module.FILE).read_text())["parts"]
    assert not list(tmp_path.glob("*.new"))


def test_ctrl_c_waits_for_the_end_of_the_block() -> None:
    reached = []
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), held_back():
        os.kill(os.getpid(), signal.SIGINT)
        reached.append(True)
    assert reached == [True]
    assert signal.getsignal(signal.SIGINT) is before


def test_ctrl_c_is_dropped_where_it_is_ignored() -> None:
    with ignored():
        os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is not signal.SIG_IGN
