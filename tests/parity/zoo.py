"""The tiny checkpoints of a test run, made when first asked for, each with its oracle."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from tests.parity.models import Checkpoint, save
from tests.parity.oracle import Oracle


@dataclass(frozen=True)
class Animal:
    """One model: what the engine loads, and what transformers answers."""

    checkpoint: Checkpoint
    oracle: Oracle

    @property
    def folder(self) -> Path:
        """Where the checkpoint is saved."""
        return self.checkpoint.folder


class Zoo:
    """Makes and keeps the models under `root`."""

    def __init__(self, root: Path) -> None:
        # Two threads that wait for one another cost such models many times their own work.
        torch.set_num_threads(1)
        self._root = root
        self._animals: dict[str, Animal] = {}

    def __getitem__(self, name: str) -> Animal:
        if name not in self._animals:
            checkpoint = save(name, self._root)
            self._animals[name] = Animal(checkpoint, Oracle(checkpoint.model))
        return self._animals[name]
