"""Short ways to make records."""

from __future__ import annotations

from typing import Any

from benchmarks.machine import Machine
from benchmarks.records import RunRecord
from pipelines.speed.records import Outcome, TurnRecord
from pipelines.speed.workload import WorkloadSettings

MACHINE = Machine(
    measured_at="2026-11-22T10:20:30+00:00",
    cpu="A processor",
    cores=2,
    memory_gib=24.0,
    system="Linux",
    python="3.11.7",
    packages={"torch": "2.13.0"},
    busy_cores_before=0.0,
    revision="0123456789ab",
)


def turn(
    session: int = 0, number: int = 0, *, sent: float = 0.0, times: tuple[float, ...], **more: Any
) -> TurnRecord:
    """A complete turn whose events came at `times`, one token each unless told otherwise."""
    fields: dict[str, Any] = {
        "session": session,
        "turn": number,
        "sent_s": sent,
        "event_times_s": times,
        "finished_s": times[-1] if times else sent,
        "output_tokens": len(times),
        "counted_by_server": True,
        "text": f"answer {session}.{number}",
        "outcome": Outcome.COMPLETE,
    }
    return TurnRecord(**{**fields, **more})


def run(
    *turns: TurnRecord, wall: float, peer: str = "keepwarm", tokens: int = 3, **more: Any
) -> RunRecord:
    """A run of `turns`, of a workload just large enough for them."""
    size = WorkloadSettings(
        sessions=max(one.session for one in turns) + 1,
        turns=max(one.turn for one in turns) + 1,
        new_tokens=tokens,
    )
    return RunRecord(
        peer=peer, title=peer.title(), version="1", workload=size, turns=turns, wall_s=wall, **more
    )
