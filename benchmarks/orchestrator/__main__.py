"""`python -m benchmarks.orchestrator`: what the orchestrator costs, as a table.

Redis and the container run on this machine, the container answers at once, and the stores are an
emulator's: what is shown is the orchestrator's own work and the way over loopback, not AWS's.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.machine import describe_machine
from benchmarks.orchestrator.imports import measure_imports
from benchmarks.orchestrator.overhead import measure_overhead
from benchmarks.orchestrator.parts import running_parts
from benchmarks.orchestrator.report import rows
from benchmarks.orchestrator.units import measure_units

_RESULTS = Path(__file__).parents[1] / "results"


def main(arguments: list[str] | None = None) -> int:
    """Measure; 0 where no event was lost."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.orchestrator", description=__doc__)
    parser.add_argument("--requests", type=int, default=200, help="of each way")
    parser.add_argument("--turns", type=int, default=500, help="of the long conversation")
    parser.add_argument("--repeats", type=int, default=7, help="imports")
    parser.add_argument("--output", type=Path, default=_RESULTS, help="folder of the results")
    chosen = parser.parse_args(arguments)
    with running_parts() as parts:
        found = {
            "machine": describe_machine().__dict__,
            "imports": measure_imports(parts.environment, chosen.repeats),
            "ttft_s": measure_overhead(parts, chosen.requests),
            "units": measure_units(parts, chosen.turns),
        }
    _write(found, chosen.output)
    _show(found)
    return int(bool(found["units"]["events_lost"]))


def _write(found: dict[str, Any], folder: Path) -> None:
    moment = str(found["machine"]["measured_at"]).partition("+")[0].replace(":", "")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{moment}-orchestrator.json"
    path.write_text(json.dumps(found, indent=1, default=str) + "\n")


def _show(found: dict[str, Any]) -> None:
    table = Table("what", "median", "p99", title="The orchestrator's own cost")
    for row in rows(found):
        table.add_row(*row)
    Console().print(table)


if __name__ == "__main__":
    sys.exit(main())
