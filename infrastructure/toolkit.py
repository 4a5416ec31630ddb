"""The `cdk` program: found on this machine, told what to do with a cloud assembly."""

from __future__ import annotations

import shutil
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from infrastructure.errors import DeploymentError

PACKAGE = "aws-cdk@2"


@dataclass(frozen=True)
class Toolkit:
    """Runs cdk and lets it speak for itself: its output is not ours to rewrite.

    Args:
        program: the words that start it.
    """

    program: tuple[str, ...]

    def run(self, action: str, assembly: Path, options: Sequence[str] = ()) -> int:
        """One action on all stacks of the assembly; cdk's exit code.

        Ctrl-C reaches cdk, too, and its end is waited for: a deployment that has begun goes on in
        AWS, and cdk says so.
        """
        everything = () if action == "diff" else ("--all",)  # diff means all by itself
        command = [*self.program, action, "--app", str(assembly), *everything, *options]
        process = subprocess.Popen(command)
        try:
            return process.wait()
        except KeyboardInterrupt:
            process.send_signal(signal.SIGINT)
            process.wait()
            raise


def find(path: str | None = None) -> Toolkit:
    """The machine's cdk; else npx, which fetches it.

    Args:
        path: where to look; None is the environment's PATH.

    Raises:
        DeploymentError: neither is there.
    """
    if program := shutil.which("cdk", path=path):
        return Toolkit((program,))
    if npx := shutil.which("npx", path=path):
        return Toolkit((npx, "--yes", PACKAGE))
    raise DeploymentError(
        "the program cdk is not on the PATH; install Node, then run: npm install -g aws-cdk"
    )
