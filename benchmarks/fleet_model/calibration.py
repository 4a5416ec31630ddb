"""The simulation against a measurement: one simulated CPU instance does what `make bench` did.

Steps cost what benchmarks/README.md says of the measured engine; sessions, lengths, block size and
token budget are the benchmark's. What comes out may be held against the results file of that run:
it shows how far the event loop, the queue and the hits are from a real engine's.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

from benchmarks.fleet_model.device import Device, device_of
from benchmarks.fleet_model.instance import Instance
from benchmarks.fleet_model.latency import MeasuredCpu
from benchmarks.fleet_model.routing import LeastOutstanding
from benchmarks.fleet_model.simulation import Simulation
from benchmarks.fleet_model.summary import ttft
from benchmarks.fleet_model.workload import Session
from benchmarks.store import Results
from pipelines.speed.summary import percentile
from serving import memory_plan

SESSIONS, TURNS, ANSWER, SYSTEM = 16, 4, 64, 255
QUESTION = (45, 65)
_BLOCKS = 2048


@dataclass(frozen=True)
class Figures:
    """What both tell: output tokens a second, TTFT's median in seconds, share of cached tokens."""

    tokens_per_s: float
    ttft_p50: float
    cached_share: float


def simulated(seed: int = 1) -> Figures:
    """The benchmark's workload on the simulated CPU."""
    latency = MeasuredCpu()
    device = _cpu()
    simulation = Simulation(
        lambda number: Instance(number, device, latency, host_tier=False),
        1,
        LeastOutstanding(seed),
        until=float("inf"),
    )
    simulation.run(_sessions(random.Random(seed)))
    turns = simulation.turns
    return Figures(
        tokens_per_s=sum(it.received for it in turns) / simulation.clock.now,
        ttft_p50=percentile(map(ttft, turns), 0.5) or 0.0,
        cached_share=sum(it.cached for it in turns) / sum(it.prompt_len for it in turns),
    )


def measured(results: Results) -> Figures:
    """The same of a results file.

    Raises:
        ValueError: Keepwarm did not run in it.
    """
    found = [it for it in results.summaries if it.peer == "keepwarm"]
    if not found:
        raise ValueError(f"{results.stem} has no run of keepwarm")
    overall = found[0].overall
    return Figures(found[0].tokens_per_s, overall.ttft_p50 or 0.0, overall.cached_share or 0.0)


def _cpu() -> Device:
    size = memory_plan.block_size_for(0, "cpu")
    limits = memory_plan.limits_for(_BLOCKS, size, context=1024, max_num_seqs=64)
    return replace(
        device_of("ml.g6e.2xlarge"),
        name="cpu",
        num_blocks=_BLOCKS,
        block_size=size,
        token_budget=memory_plan.token_budget_for(0, "cpu"),
        limits=limits,
    )


def _sessions(rng: random.Random) -> list[Session]:
    """All begin at once and go on without a pause."""
    return [
        Session(
            number=number,
            first=0,
            starts_at=0.0,
            app=0,
            base=(1 + number) << 20,
            system=SYSTEM,
            questions=tuple(rng.randint(*QUESTION) for _ in range(TURNS)),
            answers=(ANSWER,) * TURNS,
            pauses=(0.0,) * TURNS,
        )
        for number in range(SESSIONS)
    ]
