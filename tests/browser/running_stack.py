"""`keepwarm up --stay` as a process of its own, in a folder of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

ROOT = Path(__file__).parents[2]
START_S = 150.0
STOP_S = 60.0


@dataclass(frozen=True)
class RunningStack:
    """A stack whose page is at `url`."""

    folder: Path
    url: str

    def part(self, name: str) -> dict[str, Any]:
        """What the supervisor says of one part."""
        state = json.loads((self.folder / "state.json").read_text())
        parts: list[dict[str, Any]] = state["parts"]
        return next(part for part in parts if part["name"] == name)

    def kill(self, name: str) -> None:
        """End a part as a crash would; returns when the supervisor has seen it."""
        pid = self.part(name)["pid"]
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: self.part(name)["pid"] != pid or self.part(name)["state"] != "up")

    def wait_until_up(self, name: str) -> None:
        """Until the part is up."""
        wait_for(lambda: self.part(name)["state"] == "up", START_S)

    def healthy(self) -> bool:
        """Whether the model can be reached from the API."""
        health = requests.get(f"{self.url}/v1/health", timeout=10).json()
        return any(backend["healthy"] for backend in health["backends"])

    def set_faults(self, *faults: dict[str, Any]) -> None:
        """What goes wrong between page and function from now on; nothing by default."""
        body = {"faults": list(faults)}
        requests.post(f"{self.url}/local/faults", json=body, timeout=10).raise_for_status()

    def happened(self, kind: str) -> int:
        """How often a fault has happened."""
        told = requests.get(f"{self.url}/local/faults", timeout=10).json()
        return int(told["happened"].get(kind, 0))


@contextmanager
def running_stack(home: Path, model: Path) -> Iterator[RunningStack]:
    """The whole stack, every part up; all of it is stopped at the end."""
    command = [sys.executable, "-m", "cli.main", "up", "--stay", "--model", str(model)]
    env = {**os.environ, "KEEPWARM_HOME": str(home)}
    log = home / "up.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=output, stderr=output)
    folder = home / "stack"
    try:
        wait_for(lambda: _all_up(folder, process), START_S, log.read_text)
        url = json.loads((folder / "state.json").read_text())["url"]
        yield RunningStack(folder, url)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(STOP_S)


def _all_up(folder: Path, process: subprocess.Popen[bytes]) -> bool:
    if process.poll() is not None:
        raise RuntimeError("keepwarm up has ended")
    try:
        parts = json.loads((folder / "state.json").read_text())["parts"]
    except (OSError, ValueError):
        return False
    return bool(parts) and all(part["state"] == "up" for part in parts)


def wait_for(
    reached: Callable[[], bool], within_s: float = 30.0, told: Callable[[], str] = lambda: ""
) -> None:
    """Look again and again.

    Raises:
        TimeoutError: it was not reached; with what `told` has to say.
    """
    deadline = time.monotonic() + within_s
    while not reached():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not reached within {within_s:g} s. {told()}")
        time.sleep(0.1)
