"""A step's script as a child process, as a processing job would run it."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pipelines.steps.running import CANNOT_RUN, STAGE

Tell = Callable[[float, str], None]


@dataclass(frozen=True)
class Ended:
    """How a script ended; `message` is its last word, empty when it succeeded."""

    code: int
    message: str


def run_script(module: str, arguments: Sequence[str], tell: Tell) -> Ended:
    """Run `python -m module` to its end; `tell` hears how far it is."""
    command = [sys.executable, "-m", module, *arguments]
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            command,
            env={**os.environ, "HF_HUB_OFFLINE": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            errors="replace",
        )
        try:
            for line in process.stdout or ():
                _follow(line, tell)
            code = process.wait()
        finally:
            process.kill()
            process.wait()
        errors.seek(0)
        said = errors.read().decode(errors="replace")
    if code == 0:
        return Ended(0, "")
    # Killed from outside, it said nothing of its own and answered nothing.
    return Ended(code if code > 0 else CANNOT_RUN, _last_line(said) or f"it ended with {code}")


def _follow(line: str, tell: Tell) -> None:
    if line.startswith(STAGE):
        share, _, text = line.removeprefix(STAGE).strip().partition(" ")
        tell(float(share), text)


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""
