"""What the engine costs beside its model.

    python -m benchmarks.own_cost                    a step of 256 sequences, 0 to 100,000 waiting
    python -m benchmarks.own_cost --served           and with the model: HTTP at 64 streams,
                                                     idling, KV waste

The likeliest token of each row is known, as behind the compiled kernels; with --search, as behind
any other model, `sample` looks for it in logits of the model's whole vocabulary.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.own_cost.served import measure_served
from benchmarks.own_cost.steps import PARTS, StepCost, measure_step
from cli.default_model import default_model_folder


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="python -m benchmarks.own_cost",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = made.add_argument
    add("--model", type=Path, help="model folder (default: the default model)")
    add("--running", type=int, default=256, help="sequences in the step (default: %(default)s)")
    add("--waiting", default="0,1000,10000,100000", help="default: %(default)s")
    add("--vocabulary", type=int, default=49152, help="logits of a row (default: %(default)s)")
    add("--search", action="store_true", help="look for the likeliest tokens")
    add("--steps", type=int, default=50, help="measured for each median (default: %(default)s)")
    add("--served", action="store_true", help="HTTP, idling and KV waste too; takes minutes")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what the command line asks for; one line as soon as it is known."""
    options = parser().parse_args(arguments)
    folder = options.model or default_model_folder()
    names = ("running", "waiting", *PARTS, "step")
    print("| " + " | ".join(names) + " |\n" + "| ---: " * len(names) + "|")
    for waiting in map(int, options.waiting.split(",")):
        cost = measure_step(
            folder,
            running=options.running,
            waiting=waiting,
            vocabulary=options.vocabulary,
            steps=options.steps,
            finds_likeliest=not options.search,
        )
        print(row(cost), flush=True)
    if options.served:
        print()
        for line in measure_served(folder):
            print(line, flush=True)
    return 0


def row(cost: StepCost) -> str:
    """A line of the table; milliseconds."""
    times = [f"{cost.parts_ms[part]:.2f}" for part in PARTS]
    cells = (str(cost.running), f"{cost.waiting:,}", *times, f"{cost.step_ms:.2f} ms")
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    sys.exit(main())
