"""Results on disk: one JSON file for each run of the benchmark, readable again.

    {"schema": 1, "name": "chat", "baseline": "keepwarm",
     "machine": {...}, "runs": [RunRecord, ...], "failures": [PeerFailure, ...]}

Numbers of tables and plots are not stored: they follow from the records by `summary.py`.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.errors import ResultsUnreadable
from benchmarks.machine import Machine
from benchmarks.records import PeerFailure, RunRecord, run_from_json, run_to_json
from benchmarks.scenarios import CHAT
from benchmarks.summary import PeerSummary, summarise

_SCHEMA = 1


@dataclass(frozen=True, kw_only=True)
class Results:
    """Everything that one run of the benchmark found out.

    Attributes:
        baseline: the peer that the others are compared with, if it has runs.
    """

    name: str
    machine: Machine
    runs: tuple[RunRecord, ...]
    failures: tuple[PeerFailure, ...] = ()
    baseline: str = "keepwarm"

    def runs_of(self, peer: str) -> list[RunRecord]:
        """The repeats of one peer's chat."""
        return self.runs_in(CHAT, peer)

    def runs_in(self, scenario: str, peer: str) -> list[RunRecord]:
        """The repeats of one peer in one scenario."""
        return [run for run in self.runs if run.peer == peer and run.scenario == scenario]

    @property
    def peers(self) -> list[str]:
        """Those that have runs, in the order in which they ran."""
        return list(dict.fromkeys(run.peer for run in self.runs))

    @property
    def summaries(self) -> list[PeerSummary]:
        """One for each peer that has run the chat, in the order in which they ran."""
        baseline = self.runs_of(self.baseline)
        return [
            summarise(self.runs_of(peer), () if peer == self.baseline else baseline)
            for peer in self.peers
            if self.runs_of(peer)
        ]

    @property
    def stem(self) -> str:
        """Name of the files, without folder and suffix: `<date>-<name>`, the date in UTC."""
        moment = self.machine.measured_at.partition("+")[0]
        return f"{moment.replace(':', '')}-{self.name}"


def write_results(results: Results, folder: Path) -> Path:
    """Write the JSON file, whole or not at all; returns its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{results.stem}.json"
    content = {
        "schema": _SCHEMA,
        "name": results.name,
        "baseline": results.baseline,
        "machine": asdict(results.machine),
        "runs": [run_to_json(run) for run in results.runs],
        "failures": [asdict(failure) for failure in results.failures],
    }
    draft = path.with_suffix(".json.tmp")
    draft.write_text(json.dumps(content, ensure_ascii=False) + "\n", encoding="utf-8")
    draft.replace(path)
    return path


def read_results(path: Path) -> Results:
    """Results out of a file that `write_results` wrote.

    Raises:
        ResultsUnreadable: no such file, not JSON, another schema, or a field is missing.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["schema"] != _SCHEMA:
            raise ResultsUnreadable(f"{path} has schema {content['schema']}, not {_SCHEMA}")
        return Results(
            name=content["name"],
            baseline=content["baseline"],
            machine=Machine(**content["machine"]),
            runs=tuple(run_from_json(run) for run in content["runs"]),
            failures=tuple(PeerFailure(**failure) for failure in content["failures"]),
        )
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise ResultsUnreadable(f"{path} holds no benchmark results: {error}") from error
