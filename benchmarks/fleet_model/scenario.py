"""What is compared: the matrix of runs, and one run of it."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace

from benchmarks.fleet_model.device import Device, device_of
from benchmarks.fleet_model.instance import Instance
from benchmarks.fleet_model.latency import Roofline
from benchmarks.fleet_model.routing import router
from benchmarks.fleet_model.simulation import Simulation
from benchmarks.fleet_model.summary import Outcome, summarise
from benchmarks.fleet_model.workload import Traffic, sessions

ROUTINGS = ("random", "least", "prefix", "sticky")
SIZES = (1, 2, 4, 8, 16, 32, 100)
SIZING = (6, 8, 10, 12)
THRESHOLDS = (0.25, 0.5, 0.7, 1.0, 2.0)
EVENTS = ("", "scale-in", "loss")
LARGE = 32  # fleets from here on are watched for a shorter time
DRAIN_EVERY_S = 30.0


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One run.

    Attributes:
        part: which comparison it belongs to.
        threshold: requests in flight at which a router spills, in units of the plan's `running`.
        turns_s: turns a second of each of `nominal` instances, whose load is that of the fleet.
        event: `scale-in`, `loss` or none, at the end of the warm-up.
        leaving: instances that leave by it, the first at once, one more each `every_s`.
        warm_up_s, window_s: turns sent in the window behind the warm-up are counted.
    """

    part: str
    routing: str
    host_tier: bool = False
    instances: int = 8
    nominal: int = 8
    turns_s: float = 1.6
    pause: float = 45.0
    burst: float = 1.0
    threshold: float = 1.0
    event: str = ""
    leaving: int = 1
    every_s: float = 0.0
    warm_up_s: float = 40.0
    window_s: float = 100.0
    seed: int = 1
    device: str = "ml.g6e.2xlarge"

    def __post_init__(self) -> None:
        if self.event not in EVENTS:
            raise ValueError(f"there is no event {self.event!r}; there are {', '.join(EVENTS[1:])}")
        if self.event and not self.leaving < self.instances:
            raise ValueError(f"{self.leaving} of {self.instances} instances cannot leave")

    @property
    def traffic(self) -> Traffic:
        """Its workload."""
        return Traffic(
            turns_s=self.turns_s * self.nominal, pause=self.pause, burst=self.burst, burst_s=40.0
        )


def run(scenario: Scenario) -> Outcome:
    """Simulate it; the same scenario gives the same outcome, always."""
    device = device_of(scenario.device)
    until = scenario.warm_up_s + scenario.window_s
    simulation = simulate(scenario, device, until)
    return summarise(simulation, device, scenario.traffic, scenario.warm_up_s, until)


def simulate(
    scenario: Scenario,
    device: Device,
    until: float,
    make_instance: Callable[[int], Instance] | None = None,
    *,
    warm: bool = True,
) -> Simulation:
    """The simulation after its run.

    Args:
        scenario: what to simulate.
        device: the hardware of every instance.
        until: when the last turns are sent.
        make_instance: replaces the usual instances.
        warm: whether what was said before the beginning is in the caches.
    """
    latency = Roofline(device)
    simulation = Simulation(
        make_instance
        or (lambda number: Instance(number, device, latency, host_tier=scenario.host_tier)),
        scenario.instances,
        router(
            scenario.routing,
            seed=scenario.seed,
            threshold=max(1, round(scenario.threshold * device.limits.running)),
        ),
        until=until,
    )
    leave = {"scale-in": simulation.drain, "loss": simulation.lose}.get(scenario.event)
    if leave is not None:
        for number in range(scenario.leaving):
            simulation.at(scenario.warm_up_s + number * scenario.every_s, leave)
    known = list(
        sessions(
            scenario.traffic,
            until=until,
            burst_at=scenario.warm_up_s,
            context=device.limits.context,
            seed=scenario.seed,
        )
    )
    if warm:
        simulation.warm(known)
    simulation.run(known)
    return simulation


def matrix(*, quick: bool = False, device: str = "ml.g6e.2xlarge", seed: int = 1) -> list[Scenario]:
    """All runs; `quick` ones are few, short and no basis for anything."""
    made = [*_events(), *_others()]
    if quick:
        made = [
            replace(it, instances=3, nominal=3, warm_up_s=5.0, window_s=15.0)
            for it in _events()
            if it.part in ("steady", "loss") and not it.host_tier
        ]
    return [replace(it, device=device, seed=seed) for it in made]


def _events() -> list[Scenario]:
    """Routings, with and without the host tier, through what happens to a fleet."""
    parts = {
        "steady": Scenario(part="steady", routing=""),
        "long pauses": Scenario(part="long pauses", routing="", pause=120.0),
        "burst": Scenario(part="burst", routing="", burst=4.0),
        "scale-in": Scenario(part="scale-in", routing="", event="scale-in"),
        "loss": Scenario(part="loss", routing="", event="loss"),
    }
    extra = {"steady": "prefix-app", "scale-in": "prefix-modulo", "loss": "prefix-modulo"}
    return [
        replace(base, routing=routing, host_tier=tier)
        for part, base in parts.items()
        for routing in (*ROUTINGS, *([extra[part]] if part in extra else []))
        for tier in (False, True)
    ]


def _others() -> list[Scenario]:
    """Sizes of the fleet, at equal load an instance or in all; spill; the pace of leaving."""
    sizes = [
        Scenario(
            part="fleet size",
            routing=routing,
            instances=size,
            nominal=size,
            warm_up_s=40.0 if size < LARGE else 20.0,
            window_s=100.0 if size < LARGE else 40.0,
        )
        for size, routing in itertools.product(SIZES, ("least", "prefix"))
    ]
    sizing = [
        Scenario(part="sizing", routing=routing, instances=size)
        for routing, size in itertools.product(ROUTINGS, SIZING)
    ]
    spill = [
        Scenario(part="threshold", routing="prefix", threshold=share, burst=burst)
        for burst, share in itertools.product((1.0, 4.0), THRESHOLDS)
    ]
    pace = [
        Scenario(
            part="pace", routing="prefix", turns_s=1.0, event="scale-in", leaving=3, every_s=every
        )
        for every in (0.0, DRAIN_EVERY_S)
    ]
    return [*sizes, *sizing, *spill, *pace]
