"""Rows on disk: what was asked and what came out, written after each run, so that one can go on.

{"schema": 1, "rows": [{"scenario": {...}, "outcome": {...}}, ...]}
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.errors import ResultsUnreadable
from benchmarks.fleet_model.scenario import Scenario
from benchmarks.fleet_model.summary import Outcome

_SCHEMA = 1


@dataclass(frozen=True)
class Row:
    """One run."""

    scenario: Scenario
    outcome: Outcome


def write_rows(rows: list[Row], path: Path) -> None:
    """Write the file, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = ",\n".join(json.dumps(asdict(row), sort_keys=True) for row in rows)
    draft = path.with_suffix(".json.tmp")
    draft.write_text(f'{{"schema": {_SCHEMA}, "rows": [\n{lines}\n]}}\n', encoding="utf-8")
    draft.replace(path)


def read_rows(path: Path) -> list[Row]:
    """Rows that `write_rows` wrote.

    Raises:
        ResultsUnreadable: no such file, not JSON, another schema, or a field is missing.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["schema"] != _SCHEMA:
            raise ResultsUnreadable(f"{path} has schema {content['schema']}, not {_SCHEMA}")
        return [
            Row(Scenario(**row["scenario"]), Outcome(**row["outcome"])) for row in content["rows"]
        ]
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise ResultsUnreadable(f"{path} holds no rows of a fleet: {error}") from error
