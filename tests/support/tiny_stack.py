"""A stack of tiny parts, shell scripts of one line, for tests of whoever starts and stops them.

As a program, `python -m tests.support.tiny_stack FOLDER [hang]`, it is a supervisor to be killed:
it prints `up`, or with `hang` has a part that never becomes ready, and waits.
"""

from __future__ import annotations

import shlex
import signal
import sys
import threading
from pathlib import Path

from local.stack.part import Part
from local.stack.probes import exists
from local.stack.settings import StackSettings
from local.stack.supervisor import running_stack

STAYS = "exec sleep 600"


def settings_of(folder: Path) -> StackSettings:
    folder.mkdir(parents=True, exist_ok=True)
    settings = StackSettings(folder=folder / "stack", model=folder)
    settings.logs.mkdir(parents=True, exist_ok=True)
    return settings


def tiny(
    folder: Path,
    name: str,
    *needs: str,
    does: str = STAYS,
    ready: bool = True,
    ready_s: float = 20.0,
    stop_s: float = 5.0,
) -> Part:
    """A part that notes its starts and ends in `FOLDER/order` and then does what it is told."""
    order, mark = shlex.quote(str(folder / "order")), folder / f"{name}.ready"
    touch = f"touch {shlex.quote(str(mark))}" if ready else ":"
    return Part(
        name=name,
        title=f"the part {name}",
        command=("/bin/sh", "-c", f"echo {name} >> {order}; {touch}; {does}"),
        needs=needs,
        probe=exists(mark),
        ready_s=ready_s,
        stop_s=stop_s,
    )


def noting_its_end(folder: Path, name: str) -> str:
    """What a part does that waits for SIGTERM and notes it."""
    order = shlex.quote(str(folder / "order"))
    return f"trap 'echo -{name} >> {order}; exit 0' TERM; while :; do sleep 0.02; done"


def order_of(folder: Path) -> list[str]:
    return (folder / "order").read_text().split()


def main(folder: Path, *words: str) -> None:
    settings = settings_of(folder)
    parts = [tiny(folder, "first"), tiny(folder, "second", "first")]
    if "hang" in words:
        parts.append(tiny(folder, "never", "first", ready=False))
    with running_stack(settings, lambda: (parts, "http://127.0.0.1:1"), lambda stack: None):
        print("up", flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda got, _: sys.exit(128 + got))
    try:
        main(Path(sys.argv[1]), *sys.argv[2:])
    except KeyboardInterrupt:
        sys.exit(130)
