"""Step 3: how fast does the endpoint answer?

    python -m pipelines.steps.benchmark --endpoint NAME|http://host:port --output DIR

Writes benchmark.json. Passing is for the judge to say.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Sequence
from pathlib import Path

from pipelines.documents import BENCHMARK, write_document
from pipelines.errors import SettingsError
from pipelines.registry.texts import fit
from pipelines.speed import document
from pipelines.speed.levels import measure_levels, speed_plan
from pipelines.speed.records import RunObserver
from pipelines.steps.running import DEFAULT_OUTPUT, Stages, run_step
from pipelines.target.choose import is_url, target_of


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="python -m pipelines.steps.benchmark", description=__doc__)
    add = made.add_argument
    add("--endpoint", required=True, help="a SageMaker endpoint's name, or http://host:port")
    add("--output", type=Path, default=DEFAULT_OUTPUT, help="folder of the documents")
    add("--levels", default="", metavar="1,4,16", help="conversations at a time, ascending")
    add("--quick", action="store_true", help="few short answers: does it work at all")
    add("--place", default="", help="what it runs on; speed compares at the same place alone")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; see running.py for the exit code."""
    options = parser().parse_args(arguments)
    return run_step(lambda: benchmark(options))


def benchmark(options: argparse.Namespace) -> None:
    """Warm up, measure level by level, write it down.

    Raises:
        PipelineError: the levels cannot be, or the endpoint does not answer at all.
    """
    plan = speed_plan(options.levels, quick=options.quick)
    place = options.place or this_machine(options.endpoint)
    target = target_of(options.endpoint, attempts=1)  # a retry would be measured as a slow answer
    stages = Stages(plan.total_turns)

    def observe(level: int) -> RunObserver:
        return _Observer(stages, f"{level} at a time")

    levels = measure_levels(target, plan, observe)
    content = document.render(target.name, fit(place), plan, levels)
    write_document(options.output / BENCHMARK, content)


def this_machine(endpoint: str) -> str:
    """What a server of our own runs on.

    Raises:
        SettingsError: it is an endpoint of SageMaker, of which nothing is known here.
    """
    if not is_url(endpoint):
        raise SettingsError("--place must name the endpoint's instance type, or speed has no place")
    return f"{platform.node()} {platform.machine()} {os.cpu_count()} cores"


class _Observer:
    """A part done for each turn that ends."""

    def __init__(self, stages: Stages, text: str) -> None:
        self._stages = stages
        self._text = text

    def tokens_arrived(self, count: int) -> None:
        """Turns are counted, not tokens: nobody shall be slowed down by a progress bar."""

    def turn_ended(self) -> None:
        self._stages.advance(self._text)


if __name__ == "__main__":
    sys.exit(main())
