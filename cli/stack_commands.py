"""`keepwarm logs` and `keepwarm down`: from another terminal, about the stack that runs."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from cli.errors import CliError
from cli.extras import extras
from cli.terminal import printable

POLL_S = 0.2
STOP_S = 60.0


def add_logs_arguments(parser: argparse.ArgumentParser) -> None:
    """What `logs` takes."""
    parser.add_argument("part", nargs="?", help="one part; all of them by default")
    parser.add_argument("-n", "--lines", type=int, default=20, help="last lines of each")
    parser.add_argument("-f", "--follow", action="store_true", help="go on until Ctrl-C")


def logs(args: argparse.Namespace) -> None:
    """Print the end of the logs of the stack that runs, or ran last.

    Raises:
        CliError: there are none of this part.
    """
    with extras():
        from cli.stack import stack_folder

    folder = stack_folder() / "logs"
    files = sorted(folder.glob("*.log"))
    if args.part is not None:
        files = [file for file in files if file.stem == args.part]
    if not files:
        known = ", ".join(file.stem for file in sorted(folder.glob("*.log")))
        told = f"there is no log of {args.part!r}; there is: {known}" if known else "no logs yet"
        raise CliError(f"{told}; keepwarm up starts the stack")
    places = {file: _print_end(file, args.lines) for file in files}
    while args.follow:
        time.sleep(POLL_S)
        for file in files:
            places[file] = _print_from(file, places[file])


def down(args: argparse.Namespace) -> None:
    """Stop the stack that runs; also what one left that was killed.

    Raises:
        CliError: it does not stop.
    """
    with extras():
        from cli.stack import stack_folder, translated
        from local.stack.orphans import end_orphans
        from local.stack.state import is_running, only_one, remove_state

    folder = stack_folder()
    if is_running(folder):
        _stop(folder)
        print("stopped")
        return
    with translated(), only_one(folder):
        left = end_orphans(folder)
        remove_state(folder)
    print(f"stopped what was left: {', '.join(left)}" if left else "nothing runs")


def _stop(folder: Path) -> None:
    from local.stack.state import process_of, read_state, wait_until_gone

    supervisor = process_of(read_state(folder))
    if supervisor is None:
        raise CliError("a stack is just starting; try again in a moment")
    supervisor.terminate()
    if not wait_until_gone(folder, STOP_S):
        raise CliError(f"it is still there after {STOP_S:.0f} s; keepwarm logs may say why")


def _print_end(file: Path, lines: int) -> int:
    """The last whole lines of a file; the place behind them."""
    data = file.read_bytes()
    whole = data[: data.rfind(b"\n") + 1]
    for line in whole.decode(errors="replace").splitlines()[-lines:] if lines > 0 else []:
        _print(file, line)
    return len(whole)


def _print_from(file: Path, place: int) -> int:
    """The lines that have come since; a file that was begun anew is read from its start."""
    try:
        size = file.stat().st_size
        start = place if size >= place else 0
        with file.open("rb") as opened:
            opened.seek(start)
            data = opened.read()
    except FileNotFoundError:
        return 0
    whole = data[: data.rfind(b"\n") + 1]
    for line in whole.decode(errors="replace").splitlines():
        _print(file, line)
    return start + len(whole)


def _print(file: Path, line: str) -> None:
    sys.stdout.write(f"{file.stem:<10} {printable(line)}\n")
    sys.stdout.flush()
