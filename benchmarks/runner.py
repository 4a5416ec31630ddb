"""One peer after another, each from a fresh start, on a machine that is otherwise idle."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from benchmarks.cpu_use import ForeignCpu
from benchmarks.errors import BenchmarkError, PeerFailed, PeerSkipped
from benchmarks.peers.interface import Peer
from benchmarks.records import PeerFailure, RunRecord
from benchmarks.scenarios import Scenario
from pipelines.speed.records import Outcome, RunObserver, SilentObserver
from pipelines.speed.workload import ChatWorkload, SessionScript, WorkloadSettings

# Unlike the workload's system prompt, so that no peer gets to know the latter early.
_WARM_UP = ChatWorkload(
    WorkloadSettings(sessions=2, turns=1, new_tokens=8),
    "Reply briefly.",
    (
        SessionScript(0, ("Name a colour that is seldom seen in nature, and say where.",)),
        SessionScript(1, ("How many legs has a spider, and what does it do with them?",)),
    ),
)


_LEAST_RUN_S = 20.0


@dataclass(frozen=True, kw_only=True)
class TimeLimits:
    """Seconds that a peer may take: to become ready, and for one measured run.

    Attributes:
        total_s: for everything; what does not fit is left out, and each peer that is still to come
            has `reserve_s` kept for it. None: as long as it takes.
    """

    start_s: float = 300.0
    run_s: float = 900.0
    total_s: float | None = None
    reserve_s: float = 75.0


class Budget:
    """What is left of the time; starts when it is made."""

    def __init__(self, limits: TimeLimits) -> None:
        self._limits = limits
        self._began = time.monotonic()

    def run_s(self, peers_to_come: int) -> float:
        """Seconds that a run which begins now may take.

        Raises:
            PeerSkipped: too few to show anything.
        """
        if self._limits.total_s is None:
            return self._limits.run_s
        left = self._limits.total_s - (time.monotonic() - self._began)
        allowed = min(self._limits.run_s, left - peers_to_come * self._limits.reserve_s)
        if allowed < _LEAST_RUN_S:
            raise PeerSkipped(f"no time left of the {self._limits.total_s:.0f} s for everything")
        return allowed


Job = tuple[Peer, Sequence[Scenario]]
Observe = Callable[[str, WorkloadSettings], RunObserver]


def measure_peers(
    jobs: Sequence[Job], *, repeats: int, limits: TimeLimits, observe: Observe
) -> Iterator[RunRecord | PeerFailure]:
    """Yield the records of each peer in turn, or its failure, then the next repeat of all.

    Repeats go round the peers, not peer by peer, so that a machine that slows down with time
    slows all of them. A peer that failed is not tried again. `observe` is called with the title
    of each run that begins, and its size.
    """
    failed: set[str] = set()
    budget = Budget(limits)
    for repeat, (place, job) in itertools.product(range(repeats), enumerate(jobs)):
        peer = job[0]
        if peer.name in failed:
            continue
        to_come = len(jobs) - 1 - place
        done: list[str] = []
        try:
            for record in measure_peer(
                job,
                repeat=repeat,
                start_s=limits.start_s,
                run_s=partial(budget.run_s, to_come),
                observe=observe,
            ):
                done.append(record.scenario)
                yield record
        except BenchmarkError as error:
            failed.add(peer.name)
            yield _failure(job, done, repeat, error)


def _failure(job: Job, done: Sequence[str], repeat: int, error: BenchmarkError) -> PeerFailure:
    peer, scenarios = job
    missing = [one.name for one in scenarios if one.name not in done]
    first = missing[0] if missing and (done or repeat) else ""
    return PeerFailure(
        peer=peer.name,
        title=peer.title,
        reason=str(error),
        scenario=first,
        skipped=isinstance(error, PeerSkipped),
    )


def measure_peer(
    job: Job, *, repeat: int, start_s: float, run_s: Callable[[], float], observe: Observe
) -> Iterator[RunRecord]:
    """Start, warm up, run each scenario and stop one peer; whatever happens, it is stopped.

    `run_s` says how long a run that begins now may take, or raises.

    Raises:
        PeerSkipped: it is not available, or there is no time left.
        PeerFailed: it did not start, or broke.
    """
    peer, scenarios = job
    reason = peer.unavailable_reason()
    if reason is not None:
        raise PeerSkipped(reason)
    run_s()
    began = time.monotonic()
    try:
        peer.start(start_s)
        _warm_up(peer, start_s)
        ready_s = time.monotonic() - began
        for scenario in scenarios:
            title = f"{peer.title}: {scenario.name}"
            observer = observe(title, scenario.workload.settings)
            yield _run(peer, scenario, repeat, ready_s, run_s(), observer)
    finally:
        peer.stop()


def _run(
    peer: Peer,
    scenario: Scenario,
    repeat: int,
    ready_s: float,
    run_s: float,
    observer: RunObserver,
) -> RunRecord:
    foreign = ForeignCpu()
    result = peer.run(scenario.workload, time_limit_s=run_s, observer=observer)
    foreign_cores = foreign.cores()
    return RunRecord(
        peer=peer.name,
        title=peer.title,
        version=peer.version(),
        settings=peer.settings(),
        workload=scenario.workload.settings,
        turns=result.turns,
        wall_s=result.wall_s,
        repeat=repeat,
        start_s=ready_s,
        client_cpu_s=result.client_cpu_s,
        foreign_cores=round(foreign_cores, 3),
        scenario=scenario.name,
        peak_memory_bytes=peer.peak_memory_bytes(),
    )


def _warm_up(peer: Peer, time_limit_s: float) -> None:
    """Two short answers that nobody times: what a peer does lazily is done before the run."""
    result = peer.run(_WARM_UP, time_limit_s=time_limit_s, observer=SilentObserver())
    for turn in result.turns:
        if turn.outcome is not Outcome.COMPLETE:
            raise PeerFailed(f"the warm-up request failed: {turn.error or 'out of time'}")
