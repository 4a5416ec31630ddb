"""`keepwarm up` with its real parts, as a child process of a test, in a home of its own."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import requests

from tests.support.waiting import wait_until

START_S, STOP_S = 120.0, 60.0
KEEPWARM = (sys.executable, "-m", "cli.main")


def home_with(model: Path, folder: Path) -> Path:
    """A KEEPWARM_HOME that has the default model and nothing else."""
    (folder / "models").mkdir(parents=True)
    (folder / "models" / model.name).symlink_to(model)
    return folder


def environment(home: Path, **more: str) -> dict[str, str]:
    """A small KV cache: containers of several tests share the machine."""
    return {
        **os.environ,
        "KEEPWARM_HOME": str(home),
        "KEEPWARM_KV_CACHE_GIB": "0.5",
        "HF_HUB_OFFLINE": "1",
        **more,
    }


def runs(process: psutil.Process) -> bool:
    """Whether it does something still; an entry that waits to be collected does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@dataclass
class LiveStack:
    """A stack that is up, or comes up."""

    home: Path
    process: subprocess.Popen[bytes]
    output: Path
    seen: set[psutil.Process] = field(default_factory=set)

    @property
    def state(self) -> dict[str, Any]:
        try:
            content: dict[str, Any] = json.loads((self.home / "stack" / "state.json").read_text())
        except (OSError, ValueError):
            return {}
        return content

    @property
    def url(self) -> str:
        return str(self.state["url"])

    def part(self, name: str) -> dict[str, Any]:
        return next((one for one in self.state.get("parts", []) if one["name"] == name), {})

    def is_up(self) -> bool:
        assert self.process.poll() is None, self.output.read_text()
        parts = self.state.get("parts", [])
        return bool(parts) and all(one["state"] == "up" for one in parts)

    def wait_up(self) -> None:
        wait_until(self.is_up, START_S)
        self.family()

    def family(self) -> set[psutil.Process]:
        """All processes of it that run now, the parts' children too."""
        with contextlib.suppress(psutil.NoSuchProcess):
            me = psutil.Process(self.process.pid)
            self.seen |= {me, *me.children(recursive=True)}
        return {one for one in self.seen if one.is_running()}

    def kill(self, name: str) -> int:
        """SIGKILL for a part; the id that it had."""
        pid = int(self.part(name)["pid"])
        self.family()
        os.kill(pid, signal.SIGKILL)
        return pid

    def wait_restarted(self, name: str, was: int) -> None:
        wait_until(lambda: self.part(name).get("pid") not in (None, was) and self.is_up(), START_S)

    def token(self, user: str = "ada") -> str:
        answer = requests.post(f"{self.url}/local/sign-in", json={"user": user}, timeout=10)
        return str(answer.json()["token"])

    def stop(self) -> int:
        """Ctrl-C; the exit code."""
        self.family()
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(STOP_S)

    def left(self) -> list[str]:
        """What still runs of all that was seen running."""
        return [str(one) for one in self.seen if runs(one)]


@contextmanager
def live_stack(home: Path, output: Path, *options: str, **env: str) -> Iterator[LiveStack]:
    """`keepwarm up --stay` while the block runs."""
    with output.open("wb") as file:
        process = subprocess.Popen(
            [*KEEPWARM, "up", "--stay", *options],
            env=environment(home, **env),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    stack = LiveStack(home, process, output)
    try:
        stack.wait_up()
        yield stack
    finally:
        if process.poll() is None:
            stack.stop()
        for one in stack.seen:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()
