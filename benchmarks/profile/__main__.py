"""Where one step goes, and the floor under it, measured in one process.

    python -m benchmarks.profile                          fp32: steps, then the floor at 1..512 rows
    python -m benchmarks.profile --precision int8         the same steps in 8 bits, or in bfloat16
    python -m benchmarks.profile --no-floor               steps alone

Writes <date>-profile.json beside the other results; README tables are what it prints.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.machine import describe_machine
from benchmarks.precisions import SETTINGS
from benchmarks.profile.floor import SIZES, linears_of, measure
from benchmarks.profile.plot import draw_split
from benchmarks.profile.steps import PARTS, Engine, StepProfile, summarise
from cli.default_model import default_model_folder
from serving.config import EngineConfig, SchedulerConfig
from serving.engine.build import build_core
from serving.errors import UnsupportedModel
from serving.native.model import NativeModel
from serving.runner.loader import load_model

_RESULTS = Path(__file__).parents[1] / "results"
_SEQUENCES = 16
_CONTEXT = 500
_QUESTION, _PREFILL = 64, 160
_FEW_ROWS = 64  # more of them take long, and vary little


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="python -m benchmarks.profile",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = made.add_argument
    add("--model", type=Path, help="model folder (default: the default model)")
    add("--precision", choices=SETTINGS, default="float32", help="(default: %(default)s)")
    add("--steps", type=int, default=15, help="of each kind, for the medians")
    add("--no-floor", action="store_true", help="leave out the linear layers alone")
    add("--output", type=Path, default=_RESULTS, help="folder of the results")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, write."""
    options = parser().parse_args(arguments)
    folder = options.model or default_model_folder()
    machine = describe_machine()
    engine = open_engine(folder, options.precision)
    profiles = [*decode_and_question(engine, options.steps), prefill(engine, options.steps)]
    print(split_table(profiles), flush=True)
    floor: dict[int, dict[str, float]] = {}
    if not options.no_floor:
        floor = measure_floor(folder, engine, options.steps)
        print("\n" + floor_table(floor), flush=True)
    found = {
        "machine": asdict(machine),
        "precision": options.precision,
        "steps": [asdict(profile) for profile in profiles],
        "floor_ms": floor,
    }
    stem = f"{machine.measured_at.partition('+')[0].replace(':', '')}-profile"
    write(found, profiles, options.output / stem)
    return 0


def open_engine(folder: Path, precision: str) -> Engine:
    """The engine as it serves, without drafts.

    Raises:
        UnsupportedModel: the kernels do not run it here.
    """
    config = EngineConfig(
        model=str(folder),
        scheduler=SchedulerConfig(speculation="off"),
        **SETTINGS[precision],
    )
    built, info = build_core(config, lambda phase: None)
    core: Any = built
    model = core._runner._model
    if not isinstance(model, NativeModel):
        raise UnsupportedModel(f"only the native kernels have a clock; this is {info.backend}")
    return Engine(core, core._scheduler, core._runner, model)


def decode_and_question(engine: Engine, steps: int) -> Iterator[StepProfile]:
    """Steps of 16 sequences of about 500 tokens; then of a question that comes among 15."""
    names = _begin(engine, _SEQUENCES)
    yield summarise("decode", [engine.step() for _ in range(steps)])
    engine.end(names[-1:])
    samples = []
    for number in range(steps):
        name = engine.add(_prompt(20_000 + number, _QUESTION))
        samples.append(engine.step())
        engine.end([name])
    engine.end(names)
    yield summarise("question", samples)


def prefill(engine: Engine, steps: int) -> StepProfile:
    """Steps of one prompt's 160 tokens and nothing else: all that a step takes."""
    samples = []
    for number in range(steps):
        name = engine.add(_prompt(10_000 + number, _PREFILL))
        samples.append(engine.step())
        engine.end([name])
    return summarise("prefill", samples)


def measure_floor(folder: Path, engine: Engine, rounds: int) -> dict[int, dict[str, float]]:
    """Milliseconds of all linear layers by rows and library; ours in steps of that many rows."""
    import torch

    linears = linears_of(load_model(folder, dtype=torch.float32, device=torch.device("cpu")))
    return {
        size: {
            **measure(linears, size, min(rounds, 5 if size <= _FEW_ROWS else 2)),
            "ours": _ours(engine, size),
        }
        for size in SIZES
    }


def _ours(engine: Engine, rows: int) -> float:
    """The kernels' linear phases for one sequence of `rows` new tokens; its head has one row."""
    samples = []
    for number in range(4):
        name = engine.add(_prompt(30_000 + 10 * rows + number, rows))
        samples.append(engine.step())
        while samples[-1][0] < rows:  # longer than a step's budget
            tokens, parts = engine.step()
            before, sums = samples[-1]
            samples[-1] = (before + tokens, {part: sums[part] + parts[part] for part in PARTS})
        engine.end([name])
    return summarise("floor", samples[1:]).linear_ms


def _begin(engine: Engine, count: int) -> list[str]:
    """So many sequences, their prompts computed; half of each prompt is shared, as in a chat."""
    shared = _prompt(0, _CONTEXT // 2)
    names = [engine.add([*shared, *_prompt(1 + n, _CONTEXT // 2)]) for n in range(count)]
    while engine.step()[0] != count:
        pass
    return names


def _prompt(number: int, tokens: int) -> list[int]:
    return [100 + (number * 7919 + place * 31) % 40_000 for place in range(tokens)]


def split_table(profiles: Sequence[StepProfile]) -> str:
    """A line for each part, a column for each kind of step, in milliseconds."""
    header = ["ms", *(f"{one.kind}, {one.tokens} tokens" for one in profiles)]
    lines = [_line(header), _line(["---", *["---:"] * len(profiles)])]
    lines += [_line([part, *(f"{one.parts_ms[part]:.2f}" for one in profiles)]) for part in PARTS]
    lines.append(_line(["linear in all", *(f"{one.linear_ms:.2f}" for one in profiles)]))
    lines.append(_line(["step", *(f"{one.step_ms:.2f}" for one in profiles)]))
    lines.append(
        _line(["step / linear", *(f"{one.step_ms / one.linear_ms:.2f}" for one in profiles)])
    )
    return "\n".join(lines)


def floor_table(floor: Mapping[int, Mapping[str, float]]) -> str:
    """A line for each library, a column for each number of rows, in milliseconds."""
    names = list(next(iter(floor.values())))
    lines = [_line(["ms, rows", *map(str, floor)]), _line(["---", *["---:"] * len(floor)])]
    lines += [_line([name, *(f"{one[name]:.1f}" for one in floor.values())]) for name in names]
    return "\n".join(lines)


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def write(found: Mapping[str, Any], profiles: Sequence[StepProfile], stem: Path) -> None:
    """The numbers and the plot beside each other."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    path = stem.with_suffix(".json")
    path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    for written in (path, *draw_split(profiles, stem)):
        print(f"wrote {written}")


if __name__ == "__main__":
    sys.exit(main())
