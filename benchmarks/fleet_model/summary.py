"""What a run says: the numbers of the table."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.fleet_model.device import Device
from benchmarks.fleet_model.paper import residency
from benchmarks.fleet_model.simulation import Simulation, Turn
from benchmarks.fleet_model.workload import Traffic
from pipelines.speed.summary import percentile


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Of the turns that were sent in the window of one run.

    Attributes:
        hit_share: cached prompt tokens / prompt tokens.
        best_share: what it would be if a pool forgot nothing and nobody moved.
        residency: the paper model, see `paper`.
        paper_share: `best_share` x `residency`: what the paper says of a routing by session.
        restored_share: prompt tokens that came back from the host, of all (whole run).
        gpu_hours_a_million: instance hours in the window for a million turns of it.
        refused: answers 429, each followed by another try.
        resent: turns that were sent again when their instance was lost.
        in_flight: requests in flight of an instance, on average.
    """

    turns: int
    sessions: int
    hit_share: float
    best_share: float
    residency: float
    paper_share: float
    restored_share: float
    ttft_p50: float
    ttft_p99: float
    gpu_hours_a_million: float
    preemptions: int
    refused: int
    resent: int
    in_flight: float


def summarise(
    simulation: Simulation, device: Device, traffic: Traffic, start: float, end: float
) -> Outcome:
    """The outcome of a simulation that has run; its window is `start` to `end`."""
    turns = [it for it in simulation.turns if it.sent_at >= start]
    prompt = sum(it.prompt_len for it in turns)
    waits = [ttft(it) for it in turns]
    hours = simulation.fleet.hours(start, end)
    everything = sum(it.prompt_len for it in simulation.turns)
    restored = sum(it.host.restored for it in simulation.fleet.all) * device.block_size
    best = sum(reusable(it, device.block_size) for it in turns) / prompt
    resident = residency(simulation, device, traffic, start, end)
    took = sum(it.finished_at - it.sent_at for it in turns if it.finished_at is not None)
    return Outcome(
        turns=len(turns),
        sessions=len({it.session.number for it in simulation.turns}),
        hit_share=sum(it.cached for it in turns) / prompt,
        best_share=best,
        residency=resident,
        paper_share=best * resident,
        restored_share=restored / everything,
        ttft_p50=percentile(waits, 0.5) or 0.0,
        ttft_p99=percentile(waits, 0.99) or 0.0,
        gpu_hours_a_million=hours / len(turns) * 1e6,
        preemptions=sum(it.preemptions for it in turns),
        refused=sum(it.refused for it in turns),
        resent=sum(it.sends - 1 for it in turns),
        in_flight=took / (hours * 3600),
    )


def ttft(turn: Turn) -> float:
    """Seconds from the first sending to the first token, retries and all."""
    if turn.first_token_at is None:
        raise ValueError(f"turn {turn.number} of session {turn.session.number} is not answered")
    return turn.first_token_at - turn.sent_at


def reusable(turn: Turn, block_size: int) -> int:
    """Tokens of a prompt that were computed before, in whole blocks: history, or system prompt."""
    before = turn.prompt_len - turn.session.questions[turn.number]
    known = before if turn.number else turn.session.system
    return min(known, turn.prompt_len - 1) // block_size * block_size
