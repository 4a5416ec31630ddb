"""Whoever starts the parts, keeps them alive and stops them; the parts are shell scripts."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from local.errors import StackError
from local.stack.part import Part
from local.stack.state import read_state
from local.stack.supervisor import RESTARTS, Phase, Stack, Watched, running_stack
from tests.support.tiny_stack import noting_its_end, order_of, settings_of, tiny
from tests.support.waiting import wait_until


@contextmanager
def up(folder: Path, parts: Sequence[Part]) -> Iterator[Stack]:
    settings = settings_of(folder)
    with running_stack(settings, lambda: (parts, "http://here"), lambda stack: None) as stack:
        yield stack


def part_of(stack: Stack, name: str) -> Watched:
    return next(one for one in stack.parts if one.part.name == name)


def pid_of(stack: Stack, name: str) -> int:
    running = part_of(stack, name).running
    assert running is not None
    return running.pid


def tend_until_up(stack: Stack) -> None:
    def tended() -> bool:
        stack.tend()
        return all(one.phase is Phase.UP for one in stack.parts)

    wait_until(tended)


def test_a_part_starts_after_what_it_needs_and_ends_before_it(tmp_path: Path) -> None:
    parts = [
        tiny(tmp_path, "page", "api", does=noting_its_end(tmp_path, "page")),
        tiny(tmp_path, "api", "store", does=noting_its_end(tmp_path, "api")),
        tiny(tmp_path, "store", does=noting_its_end(tmp_path, "store")),
    ]
    with up(tmp_path, parts) as stack:
        assert [one.phase for one in stack.parts] == [Phase.UP] * 3
        assert [one.part.name for one in stack.parts] == ["page", "api", "store"]
    assert order_of(tmp_path) == ["store", "api", "page", "-page", "-api", "-store"]


def test_what_is_not_among_the_parts_is_not_waited_for(tmp_path: Path) -> None:
    with up(tmp_path, [tiny(tmp_path, "page", "somebody-elses")]) as stack:
        assert part_of(stack, "page").phase is Phase.UP


def test_a_part_is_prepared_before_those_that_need_it_start(tmp_path: Path) -> None:
    store = tiny(tmp_path, "store")
    prepared = Part(
        **{
            **vars(store),
            "prepare": lambda: (tmp_path / "order").open("a").write("prepared\n"),
        }
    )
    with up(tmp_path, [tiny(tmp_path, "api", "store"), prepared]):
        pass
    assert order_of(tmp_path) == ["store", "prepared", "api"]


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    with up(tmp_path, [tiny(tmp_path, "a"), tiny(tmp_path, "b")]) as stack:
        pids = [pid_of(stack, "a"), pid_of(stack, "b")]
        assert read_state(tmp_path / "stack") is not None
    assert not any(map(psutil.pid_exists, pids))
    assert read_state(tmp_path / "stack") is None


def test_the_children_of_a_part_end_with_it(tmp_path: Path) -> None:
    child = tmp_path / "child"
    does = f"sleep 600 & echo $! > {child}; wait"
    with up(tmp_path, [tiny(tmp_path, "family", does=does)]):
        wait_until(lambda: child.exists() and child.read_text().strip())
        pid = int(child.read_text())
        assert psutil.pid_exists(pid)
    wait_until(lambda: not psutil.pid_exists(pid) or gone(pid))


def gone(pid: int) -> bool:
    """Whether only its entry is left, for somebody to collect."""
    return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_a_part_that_does_not_stop_is_killed_and_named(tmp_path: Path) -> None:
    deaf = tiny(tmp_path, "deaf", does="trap '' TERM; while :; do sleep 0.05; done", stop_s=0.2)
    settings = settings_of(tmp_path)
    stack = Stack(settings, [deaf], "")
    stack.start(lambda stack: None)
    assert stack.stop(lambda stack: None) == ["deaf"]


def test_one_that_ends_at_the_start_stops_all_and_says_what_its_log_says(tmp_path: Path) -> None:
    stays = tiny(tmp_path, "stays", does=noting_its_end(tmp_path, "stays"))
    breaks = tiny(tmp_path, "breaks", "stays", does="echo no such disk; exit 3", ready=False)
    with pytest.raises(StackError) as caught, up(tmp_path, [stays, breaks]):
        pass
    assert str(caught.value).startswith("the part breaks ended (exit code 3)")
    assert "no such disk" in str(caught.value)
    assert order_of(tmp_path)[-1] == "-stays"


def test_one_that_is_up_and_ends_while_others_start_stops_all(tmp_path: Path) -> None:
    brief = tiny(tmp_path, "brief", does="exit 4")
    never = tiny(tmp_path, "never", ready=False)
    with (
        pytest.raises(StackError, match=r"the part brief ended \(exit code 4\)"),
        up(tmp_path, [brief, never]),
    ):
        pass


def test_one_that_does_not_become_ready_in_time_is_named_with_its_log(tmp_path: Path) -> None:
    slow = tiny(tmp_path, "slow", ready=False, ready_s=0.2)
    with (
        pytest.raises(StackError, match=r"the part slow was not ready .* keepwarm logs slow"),
        up(tmp_path, [slow]),
    ):
        pass


def test_a_program_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    part = tiny(tmp_path, "odd")
    missing = Part(**{**vars(part), "command": ("/nowhere/program",)})
    with (
        pytest.raises(StackError, match="the part odd cannot be started: No such file"),
        up(tmp_path, [missing]),
    ):
        pass


def test_one_that_dies_later_is_started_again(tmp_path: Path) -> None:
    with up(tmp_path, [tiny(tmp_path, "api"), tiny(tmp_path, "store")]) as stack:
        before, other = pid_of(stack, "api"), pid_of(stack, "store")
        os.kill(before, signal.SIGKILL)
        wait_until(lambda: not psutil.pid_exists(before) or gone(before))
        tend_until_up(stack)
        assert pid_of(stack, "api") != before
        assert pid_of(stack, "store") == other


def test_one_that_dies_again_and_again_is_given_up_with_its_last_words(tmp_path: Path) -> None:
    dies = tiny(tmp_path, "dies", does=f"test -e {tmp_path}/die && echo again && exit 9; sleep 600")

    def tend() -> bool:
        stack.tend()
        return False

    with pytest.raises(StackError) as caught, up(tmp_path, [dies]) as stack:
        (tmp_path / "die").touch()
        os.kill(pid_of(stack, "dies"), signal.SIGKILL)
        wait_until(tend)
    assert str(caught.value).startswith(f"the part dies ended {RESTARTS + 1} times within a minute")
    assert str(caught.value).endswith("again")


def test_a_second_stack_in_the_folder_is_refused_with_the_firsts_address(tmp_path: Path) -> None:
    with up(tmp_path, [tiny(tmp_path, "a")]):
        with (
            pytest.raises(StackError, match="runs already at http://here; keepwarm down stops"),
            up(tmp_path, []),
        ):
            pass
        assert read_state(tmp_path / "stack") is not None


def test_a_terminal_that_takes_nothing_does_not_keep_it_from_stopping(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    stack = Stack(settings, [tiny(tmp_path, "a"), tiny(tmp_path, "b", "a")], "")
    stack.start(lambda stack: None)
    pids = [pid_of(stack, "a"), pid_of(stack, "b")]

    def broken(stack: Stack) -> None:
        raise BrokenPipeError

    assert stack.stop(broken) == []
    assert not any(map(psutil.pid_exists, pids))


def test_ctrl_c_does_not_stop_the_stopping(tmp_path: Path) -> None:
    def interrupt(stack: Stack) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    stack = Stack(settings_of(tmp_path), [tiny(tmp_path, "a"), tiny(tmp_path, "b")], "")
    stack.start(lambda stack: None)
    stack.stop(interrupt)
    assert [one.phase for one in stack.parts] == [Phase.STOPPED] * 2


def test_the_state_says_what_each_part_does(tmp_path: Path) -> None:
    with up(tmp_path, [tiny(tmp_path, "a")]) as stack:
        state = read_state(tmp_path / "stack")
        assert state is not None
        (shown,) = state["parts"]
        assert (state["pid"], state["url"]) == (os.getpid(), "http://here")
        assert (shown["name"], shown["state"]) == ("a", "up")
        assert (shown["pid"], shown["port"]) == (pid_of(stack, "a"), 0)
        assert shown["took_ms"] >= 0
