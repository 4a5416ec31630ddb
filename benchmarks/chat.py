"""Measure multi-turn chat: our engine and its peers, one after another, the same workload.

    python -m benchmarks.chat                                  all peers, side by side
    python -m benchmarks.chat --peers keepwarm --model PATH    one of them, another model
    python -m benchmarks.chat --url http://127.0.0.1:8080      a server that runs already
    python -m benchmarks.chat --quick                          a smoke test, not a measurement
    python -m benchmarks.chat --scenarios all                  beside the chat: see scenarios.py

Writes <date>-<name>.json, .md and plots to --output. Exits with 0 when every peer that is here was
measured without an error, 1 when one was not, or none is here, 2 for wrong arguments, 130 when
interrupted, 143 when it was terminated.
"""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from rich.console import Console

from benchmarks.machine import Machine, describe_machine
from benchmarks.peers.interface import Peer
from benchmarks.peers.registry import CHAT_ONLY, USUAL, peers_by_name
from benchmarks.peers.url import UrlPeer
from benchmarks.progress import RunProgress
from benchmarks.records import PeerFailure, RunRecord
from benchmarks.report import print_report, write_report
from benchmarks.runner import Job, TimeLimits, measure_peers
from benchmarks.scenarios import CHAT, NAMES, Scenario, scenarios
from benchmarks.store import Results, write_results
from cli.default_model import default_model_folder
from pipelines.speed.workload import WorkloadSettings

_RESULTS = Path(__file__).parent / "results"
_QUICK = WorkloadSettings(sessions=2, turns=2, new_tokens=8)
_FULL = WorkloadSettings()
_BASELINE = "keepwarm"
_INTERRUPTED = 130
_TERMINATED = 143


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="python -m benchmarks.chat",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = made.add_argument
    add("--model", help="model folder (default: the default model); with --url a name")
    add("--url", help="measure this OpenAI-compatible server instead of starting peers")
    add("--no-ignore-eos", action="store_true", help="the server at --url refuses ignore_eos")
    add("--peers", default=",".join(USUAL), help="which, in which order (default: %(default)s)")
    add("--sessions", type=int, help=f"concurrent conversations (default: {_FULL.sessions})")
    add("--turns", type=int, help=f"questions in each (default: {_FULL.turns})")
    add("--new-tokens", type=int, help=f"tokens of an answer (default: {_FULL.new_tokens})")
    add("--system", type=int, default=1, help="times 255 tokens of system prompt (default: 1)")
    add("--think", type=float, default=0.0, help="pause before a next question, in seconds")
    add("--seed", type=int, default=0, help="chooses the questions (default: 0)")
    add("--repeat", type=int, default=1, help="runs of each peer; medians are shown")
    add("--start-limit", type=float, default=420.0, help="seconds a peer may take to start")
    add("--time-limit", type=float, default=900.0, help="seconds one run may take before it is cut")
    add("--scenarios", default=CHAT, help=f"all, or some of {', '.join(NAMES)}")
    add("--budget", type=float, default=0.0, help="seconds for everything (default: no limit)")
    add("--quick", action="store_true", help="2 sessions x 2 turns x 8 tokens: does it work at all")
    add("--name", help="of the results files (default: chat or bench, or with -quick)")
    add("--output", type=Path, default=_RESULTS, help="folder of the results files")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what the command line asks for."""
    command_line = parser()
    options = command_line.parse_args(arguments)
    try:
        peers = _peers(options)
        jobs = _jobs(peers, _scenarios(options))
        _check_positive(options)
    except ValueError as error:
        command_line.error(str(error))
    terminated = _treat_sigterm_as_ctrl_c()
    console = Console()
    machine = describe_machine()
    outcomes, interrupted = _measure(jobs, options, console)
    if outcomes:
        _report(_results(options, peers, machine, outcomes), options.output, console)
    if interrupted:
        console.print("interrupted; what had been started is stopped")
        return _TERMINATED if terminated.is_set() else _INTERRUPTED
    return int(any(map(_is_bad, outcomes)) or not any(map(_is_run, outcomes)))


def _is_bad(one: RunRecord | PeerFailure) -> bool:
    """Something broke; what was not tried did not."""
    return bool(one.errors) if isinstance(one, RunRecord) else not one.skipped


def _is_run(one: RunRecord | PeerFailure) -> bool:
    return isinstance(one, RunRecord)


def _scenarios(options: argparse.Namespace) -> list[Scenario]:
    names = NAMES if options.scenarios == "all" else options.scenarios.split(",")
    found = (name.strip() for name in names)
    return scenarios(found, _workload_settings(options), quick=options.quick)


def _jobs(peers: Sequence[Peer], wanted: Sequence[Scenario]) -> list[Job]:
    """What each peer is to run; one that has nothing to run is left out."""
    jobs = [
        (peer, [one for one in wanted if peer.name not in CHAT_ONLY or one.name == CHAT])
        for peer in peers
    ]
    return [job for job in jobs if job[1]]


def _workload_settings(options: argparse.Namespace) -> WorkloadSettings:
    base = _QUICK if options.quick else _FULL
    return WorkloadSettings(
        sessions=base.sessions if options.sessions is None else options.sessions,
        turns=base.turns if options.turns is None else options.turns,
        new_tokens=base.new_tokens if options.new_tokens is None else options.new_tokens,
        seed=options.seed,
        system_repeats=options.system,
        think_seconds=options.think,
    )


def _peers(options: argparse.Namespace) -> list[Peer]:
    if options.url:
        return [UrlPeer(options.url, options.model, ignore_eos=not options.no_ignore_eos)]
    model = Path(options.model) if options.model else default_model_folder()
    return peers_by_name(options.peers, model.resolve())


def _check_positive(options: argparse.Namespace) -> None:
    for name in ("repeat", "start_limit", "time_limit"):
        if getattr(options, name) <= 0:
            flag = name.replace("_", "-")
            raise ValueError(f"--{flag} must be more than 0, got {getattr(options, name)}")


def _treat_sigterm_as_ctrl_c() -> threading.Event:
    """Leave by the one way that is safe in the midst of asyncio; set when SIGTERM came.

    asyncio turns SIGINT into a cancellation of the run. An exception raised by a handler of our
    own would surface in whatever callback happens to run, and could be swallowed there.
    """
    came = threading.Event()

    def pass_on(number: int, frame: FrameType | None) -> None:
        came.set()
        signal.raise_signal(signal.SIGINT)

    signal.signal(signal.SIGTERM, pass_on)
    return came


def _measure(
    jobs: Sequence[Job], options: argparse.Namespace, console: Console
) -> tuple[list[RunRecord | PeerFailure], bool]:
    """What was measured, and whether Ctrl-C ended it early."""
    outcomes: list[RunRecord | PeerFailure] = []
    limits = TimeLimits(
        start_s=options.start_limit, run_s=options.time_limit, total_s=options.budget or None
    )
    try:
        with RunProgress(console) as progress:
            for outcome in measure_peers(
                jobs,
                repeats=options.repeat,
                limits=limits,
                observe=progress.observer,
            ):
                outcomes.append(outcome)
    except KeyboardInterrupt:
        return outcomes, True
    return outcomes, False


def _results(
    options: argparse.Namespace,
    peers: Sequence[Peer],
    machine: Machine,
    outcomes: Sequence[RunRecord | PeerFailure],
) -> Results:
    names = [peer.name for peer in peers]
    return Results(
        name=options.name or _default_name(options),
        machine=machine,
        runs=tuple(one for one in outcomes if isinstance(one, RunRecord)),
        failures=tuple(one for one in outcomes if isinstance(one, PeerFailure)),
        baseline=_BASELINE if _BASELINE in names else names[0],
    )


def _default_name(options: argparse.Namespace) -> str:
    return ("chat" if options.scenarios == CHAT else "bench") + ("-quick" if options.quick else "")


def _report(results: Results, folder: Path, console: Console) -> None:
    """Write first, then show: a closed terminal must not cost the results."""
    written = [write_results(results, folder), *write_report(results, folder)]
    print_report(results, console)
    for path in written:
        console.print(f"wrote {path}", markup=False, highlight=False)


if __name__ == "__main__":
    sys.exit(main())
