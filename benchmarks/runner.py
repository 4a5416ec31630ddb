"""One peer after another, each from a fresh start, on a machine that is otherwise idle."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from benchmarks.cpu_use import ForeignCpu
from benchmarks.errors import BenchmarkError, PeerFailed
from benchmarks.peers.interface import Peer
from benchmarks.records import PeerFailure, RunRecord
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


@dataclass(frozen=True, kw_only=True)
class TimeLimits:
    """Seconds that one peer may take: to become ready, and for the measured run."""

    start_s: float = 300.0
    run_s: float = 900.0


def measure_peers(
    peers: Sequence[Peer],
    workload: ChatWorkload,
    *,
    repeats: int,
    limits: TimeLimits,
    observe: Callable[[str], RunObserver],
) -> Iterator[RunRecord | PeerFailure]:
    """Yield a record or the failure of each peer in turn, then the next repeat of all.

    Repeats go round the peers, not peer by peer, so that a machine that slows down with time
    slows all of them. A peer that failed is not tried again. `observe` is called with the title
    of each run that begins.
    """
    failed: set[str] = set()
    for repeat in range(repeats):
        for peer in peers:
            if peer.name in failed:
                continue
            try:
                yield measure_peer(peer, workload, repeat=repeat, limits=limits, observe=observe)
            except BenchmarkError as error:
                failed.add(peer.name)
                yield PeerFailure(peer=peer.name, title=peer.title, reason=str(error))


def measure_peer(
    peer: Peer,
    workload: ChatWorkload,
    *,
    repeat: int,
    limits: TimeLimits,
    observe: Callable[[str], RunObserver],
) -> RunRecord:
    """Start, warm up, run and stop one peer; whatever happens, it is stopped.

    Raises:
        PeerFailed: it is not available, did not start, or broke.
    """
    reason = peer.unavailable_reason()
    if reason is not None:
        raise PeerFailed(reason)
    observer = observe(peer.title)
    began = time.monotonic()
    try:
        peer.start(limits.start_s)
        _warm_up(peer, limits.start_s)
        start_s = time.monotonic() - began
        foreign = ForeignCpu()
        result = peer.run(workload, time_limit_s=limits.run_s, observer=observer)
        foreign_cores = foreign.cores()
    finally:
        peer.stop()
    return RunRecord(
        peer=peer.name,
        title=peer.title,
        version=peer.version(),
        settings=peer.settings(),
        workload=workload.settings,
        turns=result.turns,
        wall_s=result.wall_s,
        repeat=repeat,
        start_s=start_s,
        client_cpu_s=result.client_cpu_s,
        foreign_cores=round(foreign_cores, 3),
    )


def _warm_up(peer: Peer, time_limit_s: float) -> None:
    """Two short answers that nobody times: what a peer does lazily is done before the run."""
    result = peer.run(_WARM_UP, time_limit_s=time_limit_s, observer=SilentObserver())
    for turn in result.turns:
        if turn.outcome is not Outcome.COMPLETE:
            raise PeerFailed(f"the warm-up request failed: {turn.error or 'out of time'}")
