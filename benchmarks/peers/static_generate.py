"""Plain `model.generate()` on a static batch: what one would write without a serving engine."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Mapping
from pathlib import Path

from benchmarks.machine import package_version
from benchmarks.peers.worker import WorkerPeer


class StaticGeneratePeer(WorkerPeer):
    """All sessions in one left-padded batch, in lock-step, their whole history prefilled each turn.

    A session that comes late is batched with the others from the start: there are no arrivals.
    """

    name = "generate"

    def __init__(self, model: Path, *, batch: int = 16) -> None:
        super().__init__()
        self._model = model
        self._batch = batch
        self.title = f"generate(), static batch of {batch}"

    def unavailable_reason(self) -> str | None:
        """torch, transformers and the model must be there."""
        for package in ("torch", "transformers"):
            if importlib.util.find_spec(package) is None:
                return f"{package} is not installed"
        return None if self._model.is_dir() else f"no model folder {self._model}"

    def version(self) -> str:
        """Of transformers and torch in this environment."""
        names = ("transformers", "torch")
        return ", ".join(f"{name} {package_version(name)}" for name in names)

    def settings(self) -> Mapping[str, str]:
        """How it generates."""
        return {"batch": str(self._batch), "dtype": "float32", "padding": "left"}

    def command(self) -> list[str]:
        """The worker, by this interpreter."""
        module = "benchmarks.peers.static_worker"
        arguments = ["--model", str(self._model), "--batch", str(self._batch)]
        return [sys.executable, "-m", module, *arguments]
