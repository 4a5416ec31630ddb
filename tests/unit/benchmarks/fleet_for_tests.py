"""A small fleet: little memory, short conversations."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from benchmarks.fleet_model.device import Device, device_of
from benchmarks.fleet_model.instance import Instance
from benchmarks.fleet_model.latency import Roofline
from benchmarks.fleet_model.scenario import Scenario, simulate
from benchmarks.fleet_model.simulation import Simulation
from serving.memory_plan import limits_for
from serving.testing.fake_runner import FakeRunner

UNTIL = 12.0


def small_device(num_blocks: int = 1200, context: int = 2048) -> Device:
    """Blocks of 16 tokens, few of them."""
    limits = limits_for(num_blocks, 16, context=context, max_num_seqs=8)
    device = device_of("ml.g6e.2xlarge")
    return replace(
        device, num_blocks=num_blocks, block_size=16, limits=limits, host_blocks=4 * num_blocks
    )


def small(**fields: Any) -> Scenario:
    """Three instances for some seconds; short pauses, so that sessions come back."""
    usual: dict[str, Any] = {
        "part": "test",
        "routing": "prefix",
        "instances": 3,
        "nominal": 3,
        "turns_s": 1.0,
        "pause": 3.0,
        "warm_up_s": 4.0,
        "window_s": UNTIL - 4.0,
    }
    return Scenario(**{**usual, **fields})


def simulated(
    scenario: Scenario, device: Device | None = None, *, checked: bool = False
) -> Simulation:
    """The simulation after its run.

    `checked`: every step also goes through a strict fake runner, from a cold start, since it never
    saw what is warm at the beginning of the others.
    """
    device = device or small_device()

    def instance(number: int) -> Instance:
        checker = FakeRunner(device.num_blocks, device.block_size, 1000) if checked else None
        return Instance(
            number, device, Roofline(device), host_tier=scenario.host_tier, checker=checker
        )

    return simulate(scenario, device, UNTIL, instance, warm=not checked)
