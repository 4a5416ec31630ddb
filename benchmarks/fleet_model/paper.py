"""The model on paper: what share of the sessions stays in the cache.

    residency = min(1, capacity / (active sessions x tokens a session))

Active are the sessions between their first question and their last answer: those that think and
those that are answered. By Little's law there are (turns a second) x (pause + time to answer) of
them. The model knows neither the order in which an LRU forgets, nor sessions that ended and still
lie in the cache, nor copies in several places: the table shows how far that carries.
"""

from __future__ import annotations

from benchmarks.fleet_model.device import Device
from benchmarks.fleet_model.simulation import Simulation
from benchmarks.fleet_model.workload import Traffic


def residency(
    simulation: Simulation, device: Device, traffic: Traffic, start: float, end: float
) -> float:
    """The share, of all instances together; a host tier counts as capacity."""
    turns = [it for it in simulation.turns if it.sent_at >= start]
    seconds = end - start
    answering = sum(it.finished_at - it.sent_at for it in turns if it.finished_at) / len(turns)
    active = len(turns) / seconds * (traffic.pause + answering)
    tokens = sum(it.prompt_len + it.wanted for it in turns) / len(turns)
    instances = simulation.fleet.hours(start, end) * 3600 / seconds
    host = simulation.fleet.all[0].host.num_blocks
    # Copies in the host are beside those in the pool: the larger of both is what is distinct.
    capacity = max(device.num_blocks, host) * device.block_size
    return min(1.0, instances * capacity / (active * tokens))
