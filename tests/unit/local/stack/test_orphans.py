"""A supervisor that is interrupted or killed: nothing stays, or the next one ends what did."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from local.stack.orphans import end_orphans
from local.stack.state import is_running, process_of, read_state
from local.stack.supervisor import running_stack
from tests.support.tiny_stack import settings_of, tiny
from tests.support.waiting import wait_until

ROOT = Path(__file__).parents[4]


@contextmanager
def supervisor(folder: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.support.tiny_stack", str(folder), *words]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()
        end_orphans(folder / "stack")


def parts_that_run(folder: Path) -> list[psutil.Process]:
    state = read_state(folder / "stack") or {}
    found = [process_of(part) for part in state.get("parts", [])]
    return [process for process in found if process is not None]


def wait_for_parts(folder: Path, number: int) -> list[psutil.Process]:
    wait_until(lambda: len(parts_that_run(folder)) == number)
    return parts_that_run(folder)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_ctrl_c_in_mid_start_leaves_nothing(tmp_path: Path, number: signal.Signals) -> None:
    with supervisor(tmp_path, "hang") as process:
        parts = wait_for_parts(tmp_path, 3)
        process.send_signal(signal.SIGINT)
        process.send_signal(number)
        process.wait(30)
        assert not any(part.is_running() for part in parts)
        assert read_state(tmp_path / "stack") is None
        assert not is_running(tmp_path / "stack")


def test_the_next_stack_ends_what_a_killed_one_left(tmp_path: Path) -> None:
    with supervisor(tmp_path) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        left = wait_for_parts(tmp_path, 2)
        process.kill()
        process.wait()
        assert all(part.is_running() for part in left)
        settings = settings_of(tmp_path)
        with running_stack(
            settings, lambda: ([tiny(tmp_path, "new")], ""), lambda stack: None
        ) as stack:
            assert not any(alive(part) for part in left)
            assert [one.part.name for one in stack.parts] == ["new"]


def alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_it_names_what_it_ended(tmp_path: Path) -> None:
    with supervisor(tmp_path) as process:
        assert process.stdout is not None
        process.stdout.readline()
        left = wait_for_parts(tmp_path, 2)
        process.kill()
        process.wait()
        assert end_orphans(tmp_path / "stack") == ["first", "second"]
        assert not any(alive(part) for part in left)
        assert end_orphans(tmp_path / "stack") == []


def test_another_program_that_got_the_id_since_is_not_hit(tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "60"]) as bystander:
        try:
            part = {"name": "old", "pid": bystander.pid, "started": time.time() - 3600}
            (tmp_path / "state.json").write_text(json.dumps({"parts": [part]}))
            assert end_orphans(tmp_path) == []
            assert bystander.poll() is None
        finally:
            bystander.kill()


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        '{"parts": 5}',
        '{"parts": [5, {}, {"pid": "1"}]}',
        '{"parts": [{"pid": -1, "started": 0}]}',
    ],
)
def test_a_state_that_cannot_be_read_names_nothing(tmp_path: Path, content: str) -> None:
    (tmp_path / "state.json").write_text(content)
    assert end_orphans(tmp_path) == []


def test_a_process_is_known_by_its_id_and_its_start() -> None:
    myself = psutil.Process()
    entry = {"pid": os.getpid(), "started": myself.create_time()}
    assert process_of(entry) == myself
    assert process_of({**entry, "started": myself.create_time() - 60}) is None
    assert process_of({"pid": os.getpid()}) is None
    assert process_of(None) is None
