"""transformers' own continuous batching, as `transformers serve` offers it."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from benchmarks.client import ServerTarget
from benchmarks.environments import Environment
from benchmarks.model_copy import endless_copy
from benchmarks.peers.server import ServerPeer

# There is no GPU memory from which the server could size its cache and its batch, so they are
# given: 1024 blocks of 32 tokens hold this workload twice over.
_FLAGS = {
    "--device": "cpu",
    "--dtype": "float32",
    "--cb-block-size": "32",
    "--cb-num-blocks": "1024",
    "--cb-max-batch-tokens": "512",
}


class TransformersServePeer(ServerPeer):
    """`transformers serve --continuous-batching`, in an environment of its own.

    It refuses requests with the field `ignore_eos`, so it serves a copy of the model whose
    end-of-sequence token never comes. Its usage tells no cached tokens.
    """

    name = "transformers"
    title = "transformers serve (continuous batching)"
    ready_path = "/health"

    def __init__(self, model: Path, environment: Environment | None = None) -> None:
        super().__init__()
        self._model = model
        self._environment = environment or Environment(self.name)
        self._copy: tempfile.TemporaryDirectory[str] | None = None

    def unavailable_reason(self) -> str | None:
        """Its environment and the model must be there."""
        if not self._environment.is_ready:
            return self._environment.missing_sentence
        return None if self._model.is_dir() else f"no model folder {self._model}"

    def version(self) -> str:
        """Of transformers and torch in its environment."""
        return ", ".join(
            f"{name} {self._environment.pinned_version(name)}" for name in ("transformers", "torch")
        )

    def settings(self) -> Mapping[str, str]:
        """The flags of the command."""
        return {"--continuous-batching": "", **_FLAGS}

    def start(self, time_limit_s: float) -> None:
        """Make the model's endless copy, then start the server on it."""
        self._copy = tempfile.TemporaryDirectory(prefix="endless-model-")
        endless_copy(self._model, Path(self._copy.name))
        super().start(time_limit_s)

    def command(self, port: int) -> list[str]:
        """The server, pinned to the model's copy."""
        flags = [part for flag in _FLAGS.items() for part in flag]
        serve = [str(self._environment.script("transformers")), "serve", self._served]
        return [*serve, "--continuous-batching", *flags, "--host", "127.0.0.1", "--port", str(port)]

    def target(self, url: str) -> ServerTarget:
        """It accepts only the name that it was started with."""
        return ServerTarget(url=url, model=self._served, ignore_eos=False)

    def stop(self) -> None:
        """End the server, then remove the copy."""
        super().stop()
        copy, self._copy = self._copy, None
        if copy is not None:
            copy.cleanup()

    @property
    def _served(self) -> str:
        return self._copy.name if self._copy is not None else str(self._model)
