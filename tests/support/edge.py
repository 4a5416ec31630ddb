"""The whole edge, synthesised once in a test run, whichever test and process asks first."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from infrastructure.assembly import Assembly, Resource
from infrastructure.checks.accepted import Finding
from infrastructure.checks.nag import findings, synthesise_checked
from infrastructure.settings import Stage
from infrastructure.synthesis import SynthesisedStack, read, stacks
from tests.support.infrastructure import a_stage


@dataclass(frozen=True)
class Edge:
    """A stage's cloud assembly."""

    stage: Stage
    folder: Path

    @cached_property
    def stacks(self) -> tuple[SynthesisedStack, ...]:
        return stacks(self.folder)

    @cached_property
    def assembly(self) -> Assembly:
        return read(self.folder, self.stage)

    @property
    def templates(self) -> Mapping[str, Any]:
        """By part: `network`, `data`, ..."""
        return self.assembly.templates

    @property
    def nag(self) -> tuple[Finding, ...]:
        return findings(self.folder, self.stage)

    def resources(self, *types: str) -> Iterator[Resource]:
        """All of these types; all that there are when none is named."""
        return self.assembly.resources(*types)


class Edges:
    """Synthesises the shipped stages, once for all processes of a test run."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: dict[str, Edge] = {}

    def __call__(self, name: str) -> Edge:
        if name not in self._made:
            self._made[name] = self._edge(name)
        return self._made[name]

    def _edge(self, name: str) -> Edge:
        stage, folder = a_stage(name), self._folder / f"edge-{name}"
        with open(self._folder / f"edge-{name}.lock", "w", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (folder / "complete").exists():
                synthesise_checked(stage, folder)
                (folder / "complete").write_text(json.dumps(name), encoding="utf-8")
        return Edge(stage, folder)


@pytest.fixture(scope="session")
def edges(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Edges:
    """`edges("dev")` is the whole of a shipped stage."""
    base = tmp_path_factory.getbasetemp()
    # Below xdist each worker has a folder of its own in the one of the run.
    return Edges(base if worker_id == "master" else base.parent)
